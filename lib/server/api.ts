import { EmotionError } from '../shared/errors.js';
import { shown } from '../shared/text.js';
import { type FastifyInstance, type FastifyPluginAsync, multipart } from '../vendor/server.js';
import { errorBody, notFound, sendAnswer, validatorCompiler } from './errors.js';
import { batchRoutes } from './routes/batch.js';
import { inferenceRoutes } from './routes/inference.js';
import { recognizeRoute } from './routes/recognize.js';
import { resultRoutes } from './routes/results.js';
import { statusRoutes } from './routes/status.js';
import type { Service } from './service.js';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The route needs no token. Health checks must not depend on a secret. */
    public?: boolean;
    /** The route runs the model. It is subject to the rate limit and refuses requests when the event loop is late. */
    usesModel?: boolean;
  }
}

/** All routes of the API, with their errors. */
export function apiRoutes(service: Service): FastifyPluginAsync {
  return async (app) => {
    app.setValidatorCompiler(validatorCompiler);
    app.setSerializerCompiler(() => JSON.stringify); // answers are not validated; the tests check them against the schemas
    answerErrors(app, service);
    app.setNotFoundHandler(notFound);
    app.addHook('onRequest', ({ headers, routeOptions }, reply, done) => {
      void reply.header('cache-control', 'no-store');
      done(routeOptions.config.usesModel === true ? refuseEncoding(headers['content-encoding']) : undefined);
    });
    app.addHook('onResponse', (request, reply, done) => {
      const { method, routeOptions } = request;
      service.metrics.request(method, routeOptions.url ?? 'none', reply.statusCode, reply.elapsedTime / 1000);
      done();
    });
    await app.register(multipart);
    for (const routes of [recognizeRoute, batchRoutes, resultRoutes, statusRoutes]) {
      await app.register(routes(service));
    }
    await app.register(inferenceRoutes(service), { prefix: '/v2' });
  };
}

/** Bodies are not decompressed. A compressed one would be taken for audio of an unknown format. */
function refuseEncoding(encoding: string | undefined): EmotionError | undefined {
  if (encoding === undefined || encoding.toLowerCase() === 'identity') return undefined;
  const what = `A body with the Content-Encoding ${shown(encoding)} is not supported`;
  return new EmotionError('ERR_UNSUPPORTED_TYPE', what, { remedy: 'Send the body without compression.' });
}

/** Installs the handlers that answer errors. */
export function answerErrors(app: FastifyInstance, service: Service): void {
  app.setErrorHandler((error, request, reply) => {
    const answer = service.failure(error, request);
    return sendAnswer(reply, answer, errorBody(answer, request.id));
  });
}
