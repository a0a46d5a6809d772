import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

import { defaults } from '../options/limits.js';
import type { EmotionRecognizer } from '../recognition/recognizer.js';
import { EmotionError } from '../shared/errors.js';
import { type DeviceEvent, events } from '../shared/events.js';
import { shown } from '../shared/text.js';
import {
  type ConnectionError,
  fastify,
  type FastifyBaseLogger,
  type FastifyInstance,
  LogController,
} from '../vendor/server.js';
import { clientAddress, type TrustedProxies, trustOf } from './address.js';
import { answerErrors, apiRoutes } from './api.js';
import type { ApiOptions } from './api-options.js';
import { type ConnectionLimits, Connections, endSlowly } from './connections.js';
import { serveOpenApi } from './docs.js';
import { answerTo, errorBody, sendAnswer, validatorCompiler } from './errors.js';
import { openService } from './open.js';
import { servePages } from './page.js';
import { protect, type SecuritySettings } from './security.js';

/** Time that a client has to send a request. */
const REQUEST_TIMEOUT_MS = 10 * 60_000;

/** Maximum length of a URL in the log. */
const MAX_LOGGED_URL = 2000;

/** Request ids that are accepted from a proxy. Other characters could forge log entries. */
const REQUEST_ID = /^[\w.:-]{1,128}$/;

/** Answers to errors of Node's HTTP parser that are not about the syntax of the request. */
const PARSER_ERRORS: Partial<Record<string, [status: string, what: string]>> = {
  HPE_HEADER_OVERFLOW: ['431 Request Header Fields Too Large', 'The headers are too long'],
  ERR_HTTP_REQUEST_TIMEOUT: ['408 Request Timeout', 'The request took too long to arrive'],
};

export interface ServerOptions extends ApiOptions {
  logger: FastifyBaseLogger;
  security: SecuritySettings;
  /** The proxies whose X-Forwarded-* headers are trusted. */
  trustProxy: TrustedProxies;
  /** Limits of open connections. */
  connections?: Partial<ConnectionLimits>;
}

export interface EmotionServer {
  app: FastifyInstance;
  recognizer: EmotionRecognizer;
  /** Sets whether the server accepts requests, which `/v2/health/ready` reports. */
  setReady(ready: boolean): void;
}

/** Creates what `emotion2vec serve` runs: the API, its documentation, the web page, and their protection. */
export async function createServer(options: ServerOptions): Promise<EmotionServer> {
  const { logger, security, trustProxy, connections: given, ...api } = options;
  const limits = { ...defaults.connections, ...given };
  const trust = trustOf(trustProxy);
  const app = fastify({
    loggerInstance: logger,
    trustProxy: trust, // a function, because a number of Fastify's does not check the address of the first proxy
    http: { headersTimeout: 2 * limits.graceMs, connectionsCheckingInterval: limits.graceMs / 2 },
    requestTimeout: REQUEST_TIMEOUT_MS,
    logController: new LogController({ disableRequestLogging: true }), // see logRequests
    genReqId: ({ headers }) => {
      const id = headers['x-request-id'];
      return typeof id === 'string' && REQUEST_ID.test(id) ? id : crypto.randomUUID();
    },
    forceCloseConnections: 'idle',
    // Fastify's own compilers, which are not used, take 170 ms to load.
    schemaController: {
      compilersFactory: {
        buildValidator: () => validatorCompiler as never, // the type describes Fastify's own compiler only
        buildSerializer: () => () => JSON.stringify,
      },
    },
    // The schemas limit the length of parameters, with an error of this package.
    routerOptions: { ignoreTrailingSlash: true, maxParamLength: 16_384 },
    clientErrorHandler: (error, socket) => answerInvalidHttp(error, socket, limits.graceMs),
    frameworkErrors: (error, request, reply) => {
      const answer = answerTo(error);
      void reply.header('x-request-id', request.id); // no hook runs for these errors
      void sendAnswer(reply, answer, errorBody(answer, request.id));
    },
  });
  const service = await openService(api, app);
  app.addHook('onClose', () => service.close());
  answerErrors(app, service);
  closeIdleConnections(app);
  logRequests(app);
  logDevices(app);
  const connections = new Connections(limits, trust, security.token !== undefined);
  service.metrics.watchConnections(connections);
  await protect(app, security, { metrics: service.metrics, connections });
  await serveOpenApi(app, service.version);
  await app.register(apiRoutes(service));
  await servePages(app, security.token !== undefined);
  await app.ready();
  return { app, recognizer: options.recognizer, setReady: (ready) => (service.ready = ready) };
}

/** Answers data that is not HTTP, or whose headers are too long, without Fastify. */
function answerInvalidHttp(error: ConnectionError, socket: Socket, lingerMs: number): void {
  if (socket.writableEnded && !socket.destroyed) return; // it has been answered, and the client is still sending
  // `_httpMessage` is internal to Node. A client would mistake a second answer for a part of the one under way.
  const answering = (socket as Socket & { _httpMessage?: ServerResponse | null })._httpMessage;
  if (error.code === 'ECONNRESET' || !socket.writable || answering?.headersSent === true) {
    socket.destroy();
    return;
  }
  const [status, what] = PARSER_ERRORS[error.code] ?? ['400 Bad Request', 'This is not an HTTP request'];
  const answer = answerTo(new EmotionError('ERR_BAD_REQUEST', what));
  const body = JSON.stringify(errorBody(answer, crypto.randomUUID()));
  const head = `content-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close`;
  socket.write(`HTTP/1.1 ${status}\r\n${head}\r\n\r\n${body}`);
  endSlowly(socket, lingerMs);
}

/** Closes keep-alive connections when the server closes. Their clients could otherwise keep it open with more requests. */
function closeIdleConnections(app: FastifyInstance): void {
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

/** Logs the reason why a model runs on the CPU although a CUDA device was allowed. */
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

/** Logs one line for each request. */
function logRequests(app: FastifyInstance): void {
  app.addHook('onRequest', (request, reply, done) => {
    void reply.header('x-request-id', request.id);
    done();
  });
  app.addHook('onResponse', (request, reply, done) => {
    const { method, url, routeOptions } = request;
    const ms = Math.round(reply.elapsedTime * 100) / 100;
    const line = { method, url: shown(url, MAX_LOGGED_URL), ip: clientAddress(request), status: reply.statusCode, ms };
    // Requests that clients repeat every few seconds would fill the log.
    if (routeOptions.config.public || url === '/metrics' || url === '/api/status') request.log.debug(line, 'request');
    else request.log.info(line, 'request');
    done();
  });
}
