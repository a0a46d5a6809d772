import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import Fastify, { type ConnectionError, type FastifyBaseLogger, type FastifyInstance, LogController } from 'fastify';
import { validatorCompiler } from 'fastify-type-provider-zod';

import { type DeviceEvent, events } from '../shared/events.js';
import { defaults } from '../options/limits.js';
import type { EmotionRecognizer } from '../recognition/recognizer.js';
import { clientAddress, type TrustedProxies, trustOf } from './address.js';
import { answerErrors, apiRoutes } from './api.js';
import { type ConnectionLimits, Connections, endSlowly } from './connections.js';
import { serveDocs } from './docs.js';
import { answerTo, errorBody, HttpError, sendAnswer, shortened } from './errors.js';
import { openService } from './open.js';
import type { ApiOptions } from './options.js';
import { servePage } from './page.js';
import { protect, type SecuritySettings } from './security.js';

/** How long a client may take to send a request. */
const REQUEST_TIMEOUT_MS = 10 * 60_000;

/** Of an address, as much as is logged. */
const MOST_URL = 2000;

/** What a proxy may call a request; anything else would be somebody's words in our log. */
const REQUEST_ID = /^[\w.:-]{1,128}$/;

/** What Node's parser finds fault with, where it is not the request itself. */
const GARBAGE: Partial<Record<string, [status: string, what: string]>> = {
  HPE_HEADER_OVERFLOW: ['431 Request Header Fields Too Large', 'The headers are too long'],
  ERR_HTTP_REQUEST_TIMEOUT: ['408 Request Timeout', 'The request took too long to arrive'],
};

export interface ServerOptions extends ApiOptions {
  logger: FastifyBaseLogger;
  security: SecuritySettings;
  /** Whose X-Forwarded-* headers are believed. */
  trustProxy: TrustedProxies;
  /** Of open connections. */
  connections?: Partial<ConnectionLimits>;
}

export interface EmotionServer {
  app: FastifyInstance;
  recognizer: EmotionRecognizer;
  /** Whether it takes requests, as `/v2/health/ready` tells. */
  setReady(ready: boolean): void;
}

/** `emotion2vec serve` without its process: the API, its documentation, the page, and what protects them. */
export async function createServer(options: ServerOptions): Promise<EmotionServer> {
  const { logger, security, trustProxy, connections: given, ...api } = options;
  const limits = { ...defaults.connections, ...given };
  const trust = trustOf(trustProxy);
  const app = Fastify({
    loggerInstance: logger,
    // Not Fastify's number: it believes nobody by count.
    trustProxy: trust,
    http: { headersTimeout: 2 * limits.hasteMs, connectionsCheckingInterval: limits.hasteMs / 2 },
    requestTimeout: REQUEST_TIMEOUT_MS,
    logController: new LogController({ disableRequestLogging: true }), // a line a request is enough: below
    genReqId: ({ headers }) => {
      const given = headers['x-request-id'];
      return typeof given === 'string' && REQUEST_ID.test(given) ? given : crypto.randomUUID();
    },
    forceCloseConnections: 'idle',
    // Its own compilers, which nothing here uses, take a sixth of a second to load.
    schemaController: {
      compilersFactory: {
        buildValidator: () => validatorCompiler as never, // typed for its own compiler alone
        buildSerializer: () => () => JSON.stringify,
      },
    },
    // The schemas bound parameters, with an error of ours.
    routerOptions: { ignoreTrailingSlash: true, maxParamLength: 16_384 },
    clientErrorHandler: (error, socket) => answerGarbage(error, socket, limits.hasteMs),
    frameworkErrors: (error, request, reply) => {
      const answer = answerTo(error); // no hook runs for these
      void reply.header('x-request-id', request.id);
      void sendAnswer(reply, answer, errorBody(answer, request.id));
    },
  });
  const service = await openService(api, app);
  app.addHook('onClose', () => service.close());
  answerErrors(app, service);
  closeQuietConnections(app);
  logRequests(app);
  logDevices(app);
  const connections = new Connections(limits, trust, security.token !== undefined);
  service.metrics.watchConnections(connections);
  await protect(app, security, { metrics: service.metrics, connections });
  await serveDocs(app, service.version);
  await app.register(apiRoutes(service));
  await servePage(app, security.token !== undefined);
  await app.ready();
  return { app, recognizer: options.recognizer, setReady: (ready) => (service.ready = ready) };
}

/** What is no HTTP, or too much of it, gets its answer by hand. */
function answerGarbage(error: ConnectionError, socket: Socket, lingerMs: number): void {
  if (socket.writableEnded && !socket.destroyed) return; // it has its answer, and sends on
  // Node's own name; in the middle of an answer, another one would be taken for a part of it.
  const answering = (socket as Socket & { _httpMessage?: ServerResponse | null })._httpMessage;
  if (error.code === 'ECONNRESET' || !socket.writable || answering?.headersSent === true) {
    socket.destroy();
    return;
  }
  const [status, what] = GARBAGE[error.code] ?? ['400 Bad Request', 'This is not an HTTP request'];
  const answer = answerTo(new HttpError('ERR_BAD_REQUEST', what));
  const body = JSON.stringify(errorBody(answer, crypto.randomUUID()));
  const head = `content-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close`;
  socket.write(`HTTP/1.1 ${status}\r\n${head}\r\n\r\n${body}`);
  endSlowly(socket, lingerMs);
}

/** Who asks for more on the same connection would otherwise keep a server that is closing open until he does. */
function closeQuietConnections(app: FastifyInstance): void {
  let closing = false;
  app.addHook('preClose', (done) => {
    closing = true;
    done();
  });
  app.addHook('onResponse', (_request, _reply, done) => {
    if (closing) setImmediate(() => app.server.closeIdleConnections());
    done();
  });
}

/** Why a model is not on the device that it might be on. */
function logDevices(app: FastifyInstance): void {
  const onDevice = (event: unknown): void => {
    const { hardware, ...rest } = event as DeviceEvent;
    app.log[hardware ? 'warn' : 'info'](rest, 'the model runs on the CPU');
  };
  subscribe(events.device.name, onDevice);
  app.addHook('onClose', (_app, done) => {
    unsubscribe(events.device.name, onDevice);
    done();
  });
}

function logRequests(app: FastifyInstance): void {
  app.addHook('onRequest', (request, reply, done) => {
    void reply.header('x-request-id', request.id);
    done();
  });
  app.addHook('onResponse', (request, reply, done) => {
    const { method, url, routeOptions } = request;
    const ms = Math.round(reply.elapsedTime * 100) / 100;
    const line = { method, url: shortened(url, MOST_URL), ip: clientAddress(request), status: reply.statusCode, ms };
    // What asks every few seconds would fill the log.
    if (routeOptions.config.open || url === '/metrics' || url === '/api/status') request.log.debug(line, 'request');
    else request.log.info(line, 'request');
    done();
  });
}
