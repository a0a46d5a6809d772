import type { IncomingMessage, ServerResponse } from 'node:http';
import { randomBytes } from 'node:crypto';
import type { FastifyInstance, FastifyReply } from 'fastify';
import helmet from 'helmet';

const POLICY = 'content-security-policy';

/** Helmet's headers. They are the same for all answers, so it is asked once: a request need not wait for its thirteen steps. */
const HEADERS = headersOf(
  helmet({
    strictTransportSecurity: false, // whoever ends TLS knows whether all of the host has it
    contentSecurityPolicy: {
      useDefaults: false,
      directives: {
        defaultSrc: ["'none'"],
        scriptSrc: ["'self'"],
        styleSrc: ["'self'"],
        imgSrc: ["'self'", 'data:'],
        mediaSrc: ["'self'", 'blob:'],
        connectSrc: ["'self'", 'blob:'],
        manifestSrc: ["'self'"],
        baseUri: ["'none'"],
        formAction: ["'self'"],
        frameAncestors: ["'none'"],
      },
    },
  }),
);

type Middleware = (request: IncomingMessage, response: ServerResponse, next: (error?: unknown) => void) => void;

function headersOf(middleware: Middleware): Record<string, string> {
  const headers: Record<string, string> = {};
  const response = {
    setHeader: (name: string, value: string) => (headers[name.toLowerCase()] = value),
    removeHeader: () => undefined,
  };
  middleware({} as IncomingMessage, response as never, (error) => {
    if (error !== undefined) throw error;
  });
  return headers;
}

/** Puts the headers that protect browsers on every answer. */
export function secureHeaders(app: FastifyInstance): void {
  app.addHook('onRequest', (_request, reply, done) => {
    void reply.headers(HEADERS);
    done();
  });
}

/** Sends HTML of ours, whose style elements carry `nonce`, good for this answer alone. */
export function sendHtml(reply: FastifyReply, html: (nonce: string) => string): FastifyReply {
  const nonce = randomBytes(16).toString('base64url');
  const policy = HEADERS[POLICY]!.replace("style-src 'self'", `style-src 'self' 'nonce-${nonce}'`);
  return reply
    .type('text/html; charset=utf-8')
    .header(POLICY, policy)
    .header('cache-control', 'no-store')
    .send(html(nonce));
}
