import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';

import { EmotionError, hasCode } from '../shared/errors.js';
import type { FastifyInstance, FastifyReply, FastifyRequest } from '../vendor/server.js';
import { clientAddress, limitKey } from './address.js';
import { Attempts } from './attempts.js';
import type { Connections } from './connections.js';
import { readCookie, sessionCookie } from './cookie.js';
import { sendHtml } from './headers.js';
import { loginPage } from './login-page.js';
import type { AuthFailure, ServerMetrics } from './metrics.js';
import { SESSION_MS, Sessions } from './sessions.js';

/** Number of wrong tokens, by login or as a bearer, that an address may send in a minute. */
const MAX_GUESSES = 10;
const WINDOW_MS = 60_000;
const MAX_LOGIN_BYTES = 4096;

/** Requires the token on every route that is not public: as a bearer from programs, by a login form and a cookie from people. */
export async function requireToken(
  app: FastifyInstance,
  token: string,
  { metrics, connections }: { metrics: ServerMetrics; connections: Connections },
): Promise<void> {
  const expected = digest(token);
  const isToken = (given: string): boolean => timingSafeEqual(digest(given), expected);
  const guesses = new Attempts(MAX_GUESSES, WINDOW_MS);
  const sessions = new Sessions();
  // Browsers send a cookie to all ports of a host, so each server needs a name of its own. The cookie has no path: a proxy may put
  // the page under any path, and browsers then use the folder of the address that they requested.
  const name = `emotion2vec_${randomBytes(4).toString('hex')}`;
  const sessionOf = ({ headers }: FastifyRequest): string | undefined => readCookie(headers.cookie, name);
  const setCookie = ({ protocol }: FastifyRequest, reply: FastifyReply, value: string, maxAge: number): FastifyReply =>
    reply.header('set-cookie', sessionCookie(name, value, { maxAge, secure: protocol === 'https' }));

  const failed = (request: FastifyRequest, kind: AuthFailure): void => {
    const ip = clientAddress(request);
    metrics.authFailed(kind);
    // A page whose session has ended repeats its request every few seconds. The 256 random bits of a session cannot be guessed.
    request.log[kind === 'cookie' ? 'debug' : 'warn']({ ip, kind }, 'authentication failed');
    if (kind !== 'cookie') guesses.add(limitKey(ip));
  };
  /** Runs before the token is compared, so that answers to a blocked address do not depend on whether its token is right. */
  const checkGuesses = (request: FastifyRequest, reply: FastifyReply): void => {
    const ms = guesses.blockedFor(limitKey(clientAddress(request)));
    if (ms === 0) return;
    const seconds = Math.ceil(ms / 1000);
    void reply.header('retry-after', seconds);
    const what = `Too many wrong tokens came from your address; try again in ${seconds} s`;
    throw new EmotionError('ERR_RATE_LIMITED', what);
  };

  app.addHook('onRequest', async (request, reply) => {
    if (request.routeOptions.config.public) return;
    const bearer = /^Bearer (.+)$/i.exec(request.headers.authorization ?? '')?.[1];
    const session = sessionOf(request);
    if (bearer !== undefined) {
      checkGuesses(request, reply);
      if (isToken(bearer)) return connections.authenticated(request);
      failed(request, 'bearer');
    } else if (session !== undefined) {
      if (sessions.has(session)) return connections.authenticated(request);
      failed(request, 'cookie');
    }
    if (request.method === 'GET' && acceptsHtml(request)) {
      await sendHtml(reply.code(401), (nonce) => loginPage(request, nonce));
      return;
    }
    void reply.header('www-authenticate', 'Bearer');
    throw new EmotionError('ERR_UNAUTHORIZED', bearer === undefined ? 'A token is required' : 'The token is wrong');
  });

  await app.register((scope, _options, done) => {
    scope.setErrorHandler(async (error, request, reply) => {
      if (!hasCode(error, 'ERR_RATE_LIMITED') || !acceptsHtml(request)) throw error;
      await sendHtml(reply.code(429), (nonce) => loginPage(request, nonce, 'blocked'));
    });
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser(
      'application/x-www-form-urlencoded',
      { parseAs: 'string', bodyLimit: MAX_LOGIN_BYTES },
      (_request, body, parsed) => parsed(null, new URLSearchParams(body as string)),
    );
    scope.post('/login', { config: { public: true }, schema: { hide: true } }, async (request, reply) => {
      checkGuesses(request, reply);
      const given = request.body instanceof URLSearchParams ? request.body.get('token') : null;
      if (given === null || !isToken(given)) {
        if (given !== null) failed(request, 'login');
        return sendHtml(reply.code(401), (nonce) => loginPage(request, nonce, 'wrong'));
      }
      connections.authenticated(request);
      return setCookie(request, reply, sessions.begin(), SESSION_MS / 1000).redirect('./', 303);
    });
    // Public, because without a session there is nothing to end and no reason to require the token.
    scope.post('/logout', { config: { public: true }, schema: { hide: true } }, async (request, reply) => {
      const session = sessionOf(request);
      if (session !== undefined) sessions.end(session);
      return setCookie(request, reply, '', 0).redirect('./', 303);
    });
    done();
  });
}

function acceptsHtml({ headers }: FastifyRequest): boolean {
  return headers.accept?.includes('text/html') === true;
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
