import multipart from '@fastify/multipart';
import type { FastifyInstance, FastifyPluginAsync } from 'fastify';
import { validatorCompiler } from 'fastify-type-provider-zod';

import { errorBody, HttpError, notFound, sendAnswer, shortened } from './errors.js';
import { batchRoutes } from './routes/batch.js';
import { inferenceRoutes } from './routes/inference.js';
import { recognizeRoute } from './routes/recognize.js';
import { resultRoutes } from './routes/results.js';
import { statusRoutes } from './routes/status.js';
import type { Service } from './service.js';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Routes that need no token: what keeps a server alive must not depend on a secret. */
    open?: boolean;
    /** Routes that make the model work, which are refused where there is too much of that. */
    works?: boolean;
  }
}

/** All routes that are for programs, with their errors. */
export function apiRoutes(service: Service): FastifyPluginAsync {
  return async (app) => {
    app.setValidatorCompiler(validatorCompiler);
    app.setSerializerCompiler(() => JSON.stringify); // what is sent is made here: tests hold it against the schemas
    answerErrors(app, service);
    app.setNotFoundHandler(notFound);
    app.addHook('onRequest', ({ headers, routeOptions }, reply, done) => {
      void reply.header('cache-control', 'no-store');
      done(routeOptions.config.works === true ? refuseCoded(headers['content-encoding']) : undefined);
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

/** A body that is compressed would be taken for what it is not, and grow when it is not. */
function refuseCoded(coding: string | undefined): HttpError | undefined {
  if (coding === undefined || coding.toLowerCase() === 'identity') return undefined;
  const remedy = 'Send it as it is.';
  return new HttpError('ERR_UNSUPPORTED_TYPE', `A body with the content coding ${shortened(coding)} is not read`, {
    remedy,
  });
}

/** Errors in our words. */
export function answerErrors(app: FastifyInstance, service: Service): void {
  app.setErrorHandler((error, request, reply) => {
    const answer = service.failure(error, request);
    return sendAnswer(reply, answer, errorBody(answer, request.id));
  });
}
