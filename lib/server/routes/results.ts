import path from 'node:path';

import { CLIP_FILES } from '../../output/clip-folder.js';
import { EmotionError } from '../../shared/errors.js';
import { type FastifyPluginCallbackZod, fastifyStatic } from '../../vendor/server.js';
import * as z from '../../vendor/zod.js';
import { peaksOf } from '../peaks.js';
import type { ResultStore } from '../result-store.js';
import { fileResponse, idParams, listQuery, peaksQuery } from '../schemas/requests.js';
import { clipResult, peaks, resultList } from '../schemas/results.js';
import type { Service } from '../service.js';

const FILES = [
  {
    url: 'embedding.npy',
    kind: 'embedding',
    type: 'application/octet-stream',
    summary: 'Get the embedding of a result, in the NumPy format',
  },
  {
    url: 'processed_audio.wav',
    kind: 'processedAudio',
    type: 'audio/wav',
    summary: 'Get the audio of a result as the model received it',
  },
] as const;

/** `/api/results` and the paths below it */
export function resultRoutes(service: Service): FastifyPluginCallbackZod {
  const stored = (): ResultStore => {
    if (service.store !== undefined) return service.store;
    throw new EmotionError('ERR_RESULT_NOT_FOUND', 'This server does not keep results', {
      remedy: 'Start the server without --no-keep.',
    });
  };
  const missing = (id: string) => new EmotionError('ERR_RESULT_NOT_FOUND', `There is no result ${id}`);

  return (app, _options, done) => {
    if (service.store !== undefined && !app.hasReplyDecorator('sendFile')) {
      void app.register(fastifyStatic, { serve: false, root: service.store.folder });
    }

    app.get(
      '/api/results',
      {
        schema: {
          summary: 'List results, newest first',
          tags: ['Results'],
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
          summary: 'Get a result',
          tags: ['Results'],
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
            tags: ['Results'],
            params: idParams,
            response: { 200: fileResponse(type), ...service.errors(400, 404) },
          },
        },
        async ({ params: { id } }, reply) => {
          if (!(await stored().has(id, kind))) throw missing(id);
          // Voices are personal data: proxies must not store them, and a browser must ask whether they were deleted.
          void reply.type(type).header('cache-control', 'private, no-cache');
          return reply.sendFile(path.join(id, CLIP_FILES[kind]), stored().folder, { cacheControl: false });
        },
      );
    }

    app.get(
      '/api/results/:id/peaks',
      {
        schema: {
          summary: 'Get the outline of the audio, for drawing a waveform',
          tags: ['Results'],
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
          summary: 'Delete a result',
          tags: ['Results'],
          params: idParams,
          response: { 204: z.undefined().describe('The result was deleted.'), ...service.errors(400, 404) },
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
