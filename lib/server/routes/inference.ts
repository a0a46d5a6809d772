import type { FastifyError } from 'fastify';
import type { FastifyPluginCallbackZod } from 'fastify-type-provider-zod';
import * as z from '../../vendor/zod.js';

import { HttpError, notFound, sendAnswer, shortened } from '../errors.js';
import { HEAD_LENGTH, readInference, tensorsOf, writeInference } from '../inference.js';
import { inferError, inferRequest, inferResponse, modelParams } from '../schemas.js';
import type { Service } from '../service.js';
import { clientSignal } from '../uploads.js';

/** The waveform is held in memory here, and not on the disk: 17 minutes at 16 kHz. */
const MOST_BYTES = 64 * 2 ** 20;
const tags = ['open inference protocol'];
const tensors = z.array(z.object({ name: z.string(), datatype: z.string(), shape: z.array(z.number().int()) }));

/** To be registered at `/v2`: the Open Inference Protocol, which KServe, Triton's clients and others speak. */
export function inferenceRoutes(service: Service): FastifyPluginCallbackZod {
  const { model, recognizer, limits } = service;
  const check = (name: string, version?: string): void => {
    if (name !== model.name)
      throw new HttpError('ERR_NOT_FOUND', `There is no model ${shortened(name)}; there is ${model.name}`);
    if (version !== undefined && version !== model.card.version) {
      throw new HttpError(
        'ERR_NOT_FOUND',
        `There is no version ${shortened(version)} of ${name}; there is ${model.card.version}`,
      );
    }
  };
  const errors = { 400: inferError, 404: inferError, 503: inferError };
  const most = Math.min(MOST_BYTES, limits.uploadBytes);
  const worded = (error: unknown): unknown => {
    if ((error as FastifyError).code !== 'FST_ERR_CTP_BODY_TOO_LARGE') return error;
    const remedy = 'Send fewer or shorter clips; /api/recognize takes long ones.';
    return new HttpError('ERR_UPLOAD_TOO_LARGE', `The request is larger than ${Math.floor(most / 2 ** 20)} MB`, {
      remedy,
    });
  };

  return (app, _options, done) => {
    app.setErrorHandler((error, request, reply) => {
      const answer = service.failure(worded(error), request);
      return sendAnswer(reply, answer, { error: answer.message }); // the protocol's own way to say what is wrong
    });
    app.setNotFoundHandler(notFound);
    app.setValidatorCompiler(service.validateAllButBody);
    app.removeAllContentTypeParsers();
    app.addContentTypeParser('*', { parseAs: 'buffer', bodyLimit: most }, (_r, bytes, parsed) => parsed(null, bytes));

    app.get(
      '',
      {
        schema: {
          summary: 'This server',
          tags,
          response: { 200: z.object({ name: z.string(), version: z.string(), extensions: z.array(z.string()) }) },
        },
      },
      () => ({ name: 'emotion2vec-node', version: service.version, extensions: ['binary_tensor_data'] }),
    );
    app.get(
      '/health/live',
      {
        config: { open: true },
        schema: { summary: 'Whether the server runs', tags, response: { 200: z.object({ live: z.boolean() }) } },
      },
      () => ({ live: true }),
    );
    const health = z.object({ ready: z.boolean() });
    app.get(
      '/health/ready',
      {
        config: { open: true },
        schema: { summary: 'Whether the server takes requests', tags, response: { 200: health, 503: health } },
      },
      (_request, reply) => {
        void reply.code(service.ready ? 200 : 503);
        return { ready: service.ready };
      },
    );

    for (const base of ['/models/:name', '/models/:name/versions/:version']) {
      const params = base.endsWith(':version') ? modelParams.extend({ version: z.string().max(255) }) : modelParams;
      const checkPath = (path: { name: string; version?: string }): void => check(path.name, path.version);
      app.get(
        base,
        {
          schema: {
            summary: 'The model and its tensors',
            tags,
            params,
            response: {
              200: z.object({
                name: z.string(),
                versions: z.array(z.string()),
                platform: z.string(),
                inputs: tensors,
                outputs: tensors,
                parameters: z.object({ sample_rate: z.number().int(), labels: z.array(z.string()) }),
              }),
              ...errors,
            },
          },
        },
        (request) => {
          checkPath(request.params);
          const { card, name } = model;
          const parameters = { sample_rate: card.sampleRate, labels: card.labels.map((label) => label.name) };
          return { name, versions: [card.version], platform: 'pytorch_torchscript', ...tensorsOf(card), parameters };
        },
      );
      const state = z.object({ name: z.string(), ready: z.boolean() });
      app.get(
        `${base}/ready`,
        {
          schema: {
            summary: 'Whether the model takes requests',
            description: 'A model that is not loaded yet is ready: the first request loads it.',
            tags,
            params,
            response: { 200: state, 400: inferError, 404: inferError, 503: state },
          },
        },
        (request, reply) => {
          checkPath(request.params);
          void reply.code(service.ready ? 200 : 503);
          return { name: model.name, ready: service.ready };
        },
      );
      app.post(
        `${base}/infer`,
        {
          config: { works: true },
          schema: {
            summary: 'Infer',
            description:
              'Input `waveform` FP32 [N] or [B, N], samples of one channel from -1 to 1, and `lengths` INT64 [B] where ' +
              "clips differ in length; parameter `sample_rate`, by default the model's. Tensors may be binary " +
              '(`Inference-Header-Content-Length`).',
            tags,
            params,
            headers: z.looseObject({
              [HEAD_LENGTH]: z.string().optional().describe('bytes of JSON, where those of binary tensors follow'),
            }),
            consumes: ['application/json', 'application/octet-stream'],
            produces: ['application/json', 'application/octet-stream'],
            body: inferRequest,
            response: {
              200: inferResponse,
              ...errors,
              413: inferError,
              415: inferError,
              422: inferError,
              504: inferError,
            },
          },
        },
        async (request, reply) => {
          checkPath(request.params);
          const client = clientSignal(reply);
          const headLength = request.headers[HEAD_LENGTH];
          const inference = readInference(request.body, headLength, model.card);
          const { duration: maxDuration, timeoutMs } = limits;
          const embedding = inference.outputs.some(({ name }) => name === 'features');
          const failed = new AbortController();
          const signal = AbortSignal.any([client, failed.signal]);
          const call = { logits: true, embedding, signal, timeoutMs, maxDuration };
          const results = await Promise.all(
            inference.clips.map((clip, i) => {
              // A request is let in or not as a whole: its other clips may be more than the queue has room for.
              return recognizer.recognize(clip, i === 0 ? call : { ...call, whenFull: 'wait' });
            }),
          ).catch((error: unknown) => {
            failed.abort(error); // the other clips are of no use then
            throw error;
          });
          results.forEach((result) => service.metrics.heard(result));
          const answer = writeInference(inference, results, model.card, model.name);
          if (answer.headLength === undefined) return answer.body as z.output<typeof inferResponse>;
          void reply.header(HEAD_LENGTH, answer.headLength).type('application/octet-stream');
          return reply.send(answer.body as never);
        },
      );
    }
    done();
  };
}
