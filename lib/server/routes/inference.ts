import { formatBytes } from '../../shared/bytes.js';
import { EmotionError } from '../../shared/errors.js';
import { shown } from '../../shared/text.js';
import type { FastifyError, FastifyPluginCallbackZod } from '../../vendor/server.js';
import * as z from '../../vendor/zod.js';
import { notFound, sendAnswer } from '../errors.js';
import { JSON_LENGTH_HEADER, readInference, tensorsOf, writeInference } from '../inference.js';
import {
  inferError,
  inferRequest,
  inferResponse,
  modelMetadata,
  modelParams,
  serverMetadata,
} from '../schemas/inference.js';
import type { Service } from '../service.js';
import { clientSignal } from '../uploads.js';

/** Maximum size of a request, which is held in memory: 17 minutes at 16 kHz. */
const MAX_BYTES = 64 * 2 ** 20;
const tags = ['Open Inference Protocol'];

/** The Open Inference Protocol, which KServe, Triton's clients and others use. Must be registered at `/v2`. */
export function inferenceRoutes(service: Service): FastifyPluginCallbackZod {
  const { model, recognizer, limits } = service;
  const check = (name: string, version?: string): void => {
    if (name !== model.name) {
      throw new EmotionError('ERR_NOT_FOUND', `There is no model ${shown(name)}; the model is ${model.name}`);
    }
    if (version !== undefined && version !== model.card.version) {
      const what = `There is no version ${shown(version)} of ${name}; the version is ${model.card.version}`;
      throw new EmotionError('ERR_NOT_FOUND', what);
    }
  };
  const errors = { 400: inferError, 404: inferError, 503: inferError };
  const maxBytes = Math.min(MAX_BYTES, limits.uploadBytes);
  const translated = (error: unknown): unknown => {
    if ((error as FastifyError).code !== 'FST_ERR_CTP_BODY_TOO_LARGE') return error;
    const what = `The request is larger than ${formatBytes(maxBytes)}`;
    const remedy = 'Send fewer or shorter clips. /api/recognize accepts longer ones.';
    return new EmotionError('ERR_UPLOAD_TOO_LARGE', what, { remedy });
  };

  return (app, _options, done) => {
    app.setErrorHandler((error, request, reply) => {
      const answer = service.failure(translated(error), request);
      return sendAnswer(reply, answer, { error: answer.message }); // the format of the protocol
    });
    app.setNotFoundHandler(notFound);
    app.setValidatorCompiler(service.validateAllButBody);
    app.removeAllContentTypeParsers();
    app.addContentTypeParser('*', { parseAs: 'buffer', bodyLimit: maxBytes }, (_r, bytes, parsed) =>
      parsed(null, bytes),
    );

    app.get(
      '',
      {
        schema: {
          summary: 'Get the metadata of the server',
          tags,
          response: { 200: serverMetadata },
        },
      },
      () => ({ name: 'emotion2vec-node', version: service.version, extensions: ['binary_tensor_data'] }),
    );
    app.get(
      '/health/live',
      {
        config: { public: true },
        schema: {
          summary: 'Check whether the server is running',
          tags,
          response: { 200: z.object({ live: z.boolean() }) },
        },
      },
      () => ({ live: true }),
    );
    const health = z.object({ ready: z.boolean() });
    app.get(
      '/health/ready',
      {
        config: { public: true },
        schema: { summary: 'Check whether the server accepts requests', tags, response: { 200: health, 503: health } },
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
            summary: 'Get the metadata of the model',
            tags,
            params,
            response: {
              200: modelMetadata,
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
            summary: 'Check whether the model accepts requests',
            description: 'A model that is not loaded yet is ready, because the first request loads it.',
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
          config: { usesModel: true },
          schema: {
            summary: 'Run the model on tensors',
            description:
              'The input `waveform`, FP32 [N] or [B, N], has the samples of B clips with one channel, from -1 to 1. If the clips ' +
              'differ in length, the input `lengths`, INT64 [B], has their numbers of samples. The parameter `sample_rate` ' +
              'defaults to the sample rate of the model. Tensors may be sent as binary data (`Inference-Header-Content-Length`).',
            tags,
            params,
            headers: z.looseObject({
              [JSON_LENGTH_HEADER]: z
                .string()
                .optional()
                .describe('Number of bytes of JSON, if binary tensors follow it.'),
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
          const jsonLength = request.headers[JSON_LENGTH_HEADER];
          const inference = readInference(request.body, jsonLength, model.card);
          const { duration: maxDuration, timeoutMs } = limits;
          const embedding = inference.outputs.some(({ name }) => name === 'features');
          const failed = new AbortController();
          const signal = AbortSignal.any([client, failed.signal]);
          const call = { logits: true, embedding, signal, timeoutMs, maxDuration };
          const results = await Promise.all(
            inference.clips.map((clip, i) => {
              // The first clip decides whether the queue accepts the request. The other clips wait for room.
              return recognizer.recognize(clip, i === 0 ? call : { ...call, whenFull: 'wait' });
            }),
          ).catch((error: unknown) => {
            failed.abort(error); // the results of the other clips are no longer needed
            throw error;
          });
          results.forEach((result) => service.metrics.recognized(result));
          const answer = writeInference(inference, results, model.card, model.name);
          if (answer.jsonLength === undefined) return answer.body as z.output<typeof inferResponse>;
          void reply.header(JSON_LENGTH_HEADER, answer.jsonLength).type('application/octet-stream');
          return reply.send(answer.body as never);
        },
      );
    }
    done();
  };
}
