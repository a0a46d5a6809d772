import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import cookie from '@fastify/cookie';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';

import { clientAddress, limitKey } from './address.js';
import { Attempts } from './attempts.js';
import type { Connections } from './connections.js';
import { HttpError } from './errors.js';
import { sendHtml } from './headers.js';
import { loginPage } from './login-page.js';
import type { AuthFailure, ServerMetrics } from './metrics.js';
import { SESSION_MS, Sessions } from './sessions.js';

/** Wrong tokens that an address may send in a minute, by login or as a bearer. */
const GUESSES = 10;
const WINDOW_MS = 60_000;
const LOGIN_BYTES = 4096;

/** A bearer token for programs; for people a form, whose answer is a cookie. */
export async function requireToken(
  app: FastifyInstance,
  token: string,
  { metrics, connections }: { metrics: ServerMetrics; connections: Connections },
): Promise<void> {
  const expected = digest(token);
  const isToken = (given: string): boolean => timingSafeEqual(digest(given), expected);
  const guesses = new Attempts(GUESSES, WINDOW_MS);
  const sessions = new Sessions();
  // Browsers send a cookie to all ports of a host: servers there must not overwrite each other's. Under which path a proxy has put
  // this one only the browser knows: it keeps a cookie without a path for the folder of the address that it asked for.
  const name = `emotion2vec_${randomBytes(4).toString('hex')}`;
  const sessionOf = ({ cookies }: FastifyRequest): string | undefined => cookies[name];
  const setCookie = (
    { protocol }: FastifyRequest,
    reply: FastifyReply,
    value: string,
    maxAge: number,
  ): FastifyReply => {
    const secure = protocol === 'https';
    return reply.setCookie(name, value, { httpOnly: true, sameSite: 'strict', secure, maxAge });
  };

  const failed = (request: FastifyRequest, kind: AuthFailure): void => {
    const ip = clientAddress(request);
    metrics.authFailed(kind);
    // A page whose session has ended asks for the status every few seconds; and nobody guesses 256 random bits.
    request.log[kind === 'cookie' ? 'debug' : 'warn']({ ip, kind }, 'authentication failed');
    if (kind !== 'cookie') guesses.add(limitKey(ip));
  };
  /** Before the token is compared: otherwise the answers would go on to distinguish right from wrong. */
  const checkGuesses = (request: FastifyRequest, reply: FastifyReply): void => {
    const ms = guesses.blockedFor(limitKey(clientAddress(request)));
    if (ms === 0) return;
    const seconds = Math.ceil(ms / 1000);
    void reply.header('retry-after', seconds);
    throw new HttpError('ERR_RATE_LIMITED', `Too many wrong tokens came from your address; try again in ${seconds} s`);
  };

  await app.register(cookie);
  app.addHook('onRequest', async (request, reply) => {
    if (request.routeOptions.config.open) return;
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
    if (request.method === 'GET' && wantsHtml(request)) {
      await sendHtml(reply.code(401), (nonce) => loginPage(request, nonce));
      return;
    }
    void reply.header('www-authenticate', 'Bearer');
    throw new HttpError('ERR_UNAUTHORIZED', bearer === undefined ? 'A token is needed' : 'The token is wrong');
  });

  await app.register((scope, _options, done) => {
    scope.setErrorHandler(async (error, request, reply) => {
      const often = error instanceof HttpError && error.code === 'ERR_RATE_LIMITED';
      if (!often || !wantsHtml(request)) throw error;
      await sendHtml(reply.code(429), (nonce) => loginPage(request, nonce, 'often'));
    });
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser(
      'application/x-www-form-urlencoded',
      { parseAs: 'string', bodyLimit: LOGIN_BYTES },
      (_request, body, parsed) => parsed(null, new URLSearchParams(body as string)),
    );
    scope.post('/login', { config: { open: true }, schema: { hide: true } }, async (request, reply) => {
      checkGuesses(request, reply);
      const given = request.body instanceof URLSearchParams ? request.body.get('token') : null;
      if (given === null || !isToken(given)) {
        if (given !== null) failed(request, 'login');
        return sendHtml(reply.code(401), (nonce) => loginPage(request, nonce, 'wrong'));
      }
      connections.authenticated(request);
      return setCookie(request, reply, sessions.begin(), SESSION_MS / 1000).redirect('./', 303);
    });
    // Open: without a session there is nothing to end, and no reason to ask for the token.
    scope.post('/logout', { config: { open: true }, schema: { hide: true } }, async (request, reply) => {
      const session = sessionOf(request);
      if (session !== undefined) sessions.end(session);
      return setCookie(request, reply, '', 0).redirect('./', 303);
    });
    done();
  });
}

function wantsHtml({ headers }: FastifyRequest): boolean {
  return headers.accept?.includes('text/html') === true;
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
