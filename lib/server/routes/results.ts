import fastifyStatic from '@fastify/static';
import type { FastifyPluginCallbackZod } from 'fastify-type-provider-zod';
import path from 'node:path';
import * as z from '../../vendor/zod.js';

import { CLIP_FILES } from '../../output/clip-folder.js';
import { HttpError } from '../errors.js';
import { peaksOf } from '../peaks.js';
import type { ResultStore } from '../result-store.js';
import { clipResult, fileAnswer, idParams, listQuery, peaks, peaksQuery, resultList } from '../schemas.js';
import type { Service } from '../service.js';

const FILES = [
  {
    url: 'embedding.npy',
    kind: 'embedding',
    type: 'application/octet-stream',
    summary: 'Its feature vectors, as NumPy saves them',
  },
  { url: 'processed_audio.wav', kind: 'processedAudio', type: 'audio/wav', summary: 'What the model heard of it' },
] as const;

/** `/api/results` and below */
export function resultRoutes(service: Service): FastifyPluginCallbackZod {
  const stored = (): ResultStore => {
    if (service.store !== undefined) return service.store;
    throw new HttpError('ERR_RESULT_NOT_FOUND', 'This server keeps no results', {
      remedy: 'Start it without --no-keep.',
    });
  };
  const missing = (id: string) => new HttpError('ERR_RESULT_NOT_FOUND', `There is no result ${id}`);

  return (app, _options, done) => {
    if (service.store !== undefined && !app.hasReplyDecorator('sendFile')) {
      void app.register(fastifyStatic, { serve: false, root: service.store.folder });
    }

    app.get(
      '/api/results',
      {
        schema: {
          summary: 'What was found before, the newest first',
          tags: ['results'],
          querystring: listQuery,
          response: { 200: resultList, ...service.errors(400) },
        },
      },
      async ({ query }) => (service.store === undefined ? { results: [], next: null } : service.store.list(query)),
    );

    app.get(
      '/api/results/:id',
      {
        schema: {
          summary: 'One result',
          tags: ['results'],
          params: idParams,
          response: { 200: clipResult, ...service.errors(400, 404) },
        },
      },
      async ({ params: { id } }) => {
        const result = await stored().get(id);
        if (result === undefined) throw missing(id);
        return service.withLinks(result);
      },
    );

    for (const { url, kind, type, summary } of FILES) {
      app.get(
        `/api/results/:id/${url}`,
        {
          schema: {
            summary,
            tags: ['results'],
            params: idParams,
            response: { 200: fileAnswer(type), ...service.errors(400, 404) },
          },
        },
        async ({ params: { id } }, reply) => {
          if (!(await stored().has(id, kind))) throw missing(id);
          // A voice is its owner's: no proxy keeps it, and a browser asks whether it was deleted.
          void reply.type(type).header('cache-control', 'private, no-cache');
          return reply.sendFile(path.join(id, CLIP_FILES[kind]), stored().folder, { cacheControl: false });
        },
      );
    }

    app.get(
      '/api/results/:id/peaks',
      {
        schema: {
          summary: 'The outline of what the model heard, to be drawn',
          tags: ['results'],
          params: idParams,
          querystring: peaksQuery,
          response: { 200: peaks, ...service.errors(400, 404) },
        },
      },
      async ({ params: { id }, query: { count } }) => {
        if (!(await stored().has(id, 'processedAudio'))) throw missing(id);
        const outline = await peaksOf(stored().pathOf(id, 'processedAudio'), count);
        if (outline === undefined) throw missing(id);
        return outline;
      },
    );

    app.delete(
      '/api/results/:id',
      {
        schema: {
          summary: 'Forget a result',
          tags: ['results'],
          params: idParams,
          response: { 204: z.undefined().describe('It is gone'), ...service.errors(400, 404) },
        },
      },
      async ({ params: { id } }, reply) => {
        if (!(await stored().delete(id))) throw missing(id);
        return reply.code(204).send();
      },
    );
    done();
  };
}
