import { createHash, timingSafeEqual } from 'node:crypto';
import cookie from '@fastify/cookie';
import cors from '@fastify/cors';
import rateLimit from '@fastify/rate-limit';
import underPressure from '@fastify/under-pressure';
import type { FastifyInstance, FastifyRequest } from 'fastify';

import { HttpError } from './errors.js';
import { secureHeaders, sendHtml } from './headers.js';
import { loginPage } from './login-page.js';

export interface SecuritySettings {
  /** What clients must present; undefined: nothing. */
  token: string | undefined;
  /** Requests a minute that one address may make the model work; 0: any number. */
  rateLimit: number;
  /** Origins whose pages may use the server; none without. */
  corsOrigins: readonly string[];
  /** Whether only names of this machine are answered: what listens on a loopback address is not meant for others. */
  localOnly: boolean;
}

const COOKIE = 'emotion2vec';
/** The event loop's mean delay beyond which more work is refused. */
const MAX_DELAY_MS = 250;
const LOGINS_A_MINUTE = 10;

/** Headers, who may come in, and how much of it. To be registered before any route. */
export async function protect(app: FastifyInstance, settings: SecuritySettings): Promise<void> {
  const { token, corsOrigins, localOnly } = settings;
  if (token?.trim() === '') throw new TypeError('Invalid options: token: it must not be empty'); // everybody knows that one
  secureHeaders(app);
  if (corsOrigins.length > 0)
    await app.register(cors, { origin: [...corsOrigins], methods: ['GET', 'POST', 'DELETE'] });
  if (localOnly) app.addHook('onRequest', (request, _reply, done) => done(refuseStrangers(request, corsOrigins)));
  if (token !== undefined) await requireToken(app, token);
  await limitWork(app, settings.rateLimit);
}

/** A page of some other site must not use a server that was opened for this machine's user, by whatever name it finds it. */
function refuseStrangers(
  { host, headers, method }: FastifyRequest,
  corsOrigins: readonly string[],
): HttpError | undefined {
  const name = host.replace(/:\d+$/, '').toLowerCase();
  if (!/^(localhost|127(\.\d+){3}|\[::1\]|.+\.localhost)$/.test(name)) {
    return new HttpError('ERR_FORBIDDEN', `This server answers to names of its own machine only, not to ${name}`);
  }
  // Browsers tell it with all that changes something; what they read for other pages they keep from them. A form of a page
  // that sends no referrer, as ours do, has the origin "null".
  const { origin, 'sec-fetch-site': site } = headers;
  const own = origin === undefined || origin.replace(/^https?:\/\//, '') === host || site === 'same-origin';
  const foreign = !own && !corsOrigins.includes(origin);
  if (foreign && method !== 'GET' && method !== 'HEAD') {
    const remedy = `Start it with --cors-origin ${origin} where that page is yours.`;
    return new HttpError('ERR_FORBIDDEN', 'Pages of other sites may not use this server', { remedy });
  }
  return undefined;
}

/** A bearer token for programs; for people a form, whose answer is a cookie. */
async function requireToken(app: FastifyInstance, token: string): Promise<void> {
  const expected = digest(token);
  const session = expected.toString('hex');
  const isToken = (given: string): boolean => timingSafeEqual(digest(given), expected);
  const isSession = (given: string | undefined): boolean =>
    given !== undefined && timingSafeEqual(digest(given), digest(session));
  await app.register(cookie);
  app.addHook('onRequest', async (request, reply) => {
    if (request.routeOptions.config.open) return;
    const bearer = /^Bearer (.+)$/i.exec(request.headers.authorization ?? '')?.[1];
    if (bearer !== undefined ? isToken(bearer) : isSession(request.cookies[COOKIE])) return;
    if (request.method === 'GET' && request.headers.accept?.includes('text/html')) {
      await sendHtml(reply.code(401), (nonce) => loginPage(request, nonce));
      return;
    }
    void reply.header('www-authenticate', 'Bearer');
    throw new HttpError('ERR_UNAUTHORIZED', bearer === undefined ? 'A token is needed' : 'The token is wrong');
  });
  await app.register(async (scope) => {
    await scope.register(rateLimit, {
      max: LOGINS_A_MINUTE,
      timeWindow: '1 minute',
      errorResponseBuilder: (_request, { after }) =>
        new HttpError('ERR_RATE_LIMITED', `That were too many tokens; try again in ${after}`),
    });
    scope.setErrorHandler(async (error, request, reply) => {
      const often = error instanceof HttpError && error.code === 'ERR_RATE_LIMITED';
      if (!often || request.headers.accept?.includes('text/html') !== true) throw error;
      await sendHtml(reply.code(429), (nonce) => loginPage(request, nonce, 'often'));
    });
    scope.addContentTypeParser(
      'application/x-www-form-urlencoded',
      { parseAs: 'string', bodyLimit: 4096 },
      (_request, body, done) => done(null, new URLSearchParams(body as string)),
    );
    scope.post('/login', { config: { open: true }, schema: { hide: true } }, async (request, reply) => {
      const given = request.body instanceof URLSearchParams ? request.body.get('token') : null;
      if (given === null || !isToken(given)) {
        return sendHtml(reply.code(401), (nonce) => loginPage(request, nonce, 'wrong'));
      }
      const secure = request.protocol === 'https';
      return reply
        .setCookie(COOKIE, session, { path: '/', httpOnly: true, sameSite: 'strict', secure })
        .redirect('./', 303);
    });
  });
}

/** Keeps more work from coming in than one client may bring, or than the event loop can take. */
async function limitWork(app: FastifyInstance, perMinute: number): Promise<void> {
  await app.register(underPressure, {
    maxEventLoopDelay: MAX_DELAY_MS,
    pressureHandler: ({ routeOptions }) =>
      routeOptions.config.works ? Promise.reject(new HttpError('ERR_BUSY', 'The server is busy')) : undefined,
  });
  if (perMinute === 0) return;
  await app.register(rateLimit, {
    max: perMinute,
    timeWindow: '1 minute',
    allowList: (request) => request.routeOptions.config.works !== true,
    errorResponseBuilder: (_request, { max, after }) =>
      new HttpError(
        'ERR_RATE_LIMITED',
        `More than ${max} requests came from your address in a minute; try again in ${after}`,
      ),
  });
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
