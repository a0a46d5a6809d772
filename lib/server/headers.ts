import { randomBytes } from 'node:crypto';

import type { FastifyInstance, FastifyReply } from '../vendor/server.js';

/** The content security policy of every answer. It allows resources of this server only. */
const POLICY = {
  'default-src': "'none'",
  'script-src': "'self'",
  'style-src': "'self'",
  'img-src': "'self' data:",
  'media-src': "'self' blob:",
  'connect-src': "'self' blob:",
  'manifest-src': "'self'",
  'base-uri': "'none'",
  'form-action': "'self'",
  'frame-ancestors': "'none'",
};

/**
 * The headers that helmet 8 sets, without Strict-Transport-Security: only the proxy that terminates TLS knows whether the whole
 * host has it. A test compares them with those of helmet.
 */
export const SECURITY_HEADERS = {
  'content-security-policy': policyText(POLICY),
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'origin-agent-cluster': '?1',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-dns-prefetch-control': 'off',
  'x-download-options': 'noopen',
  'x-frame-options': 'SAMEORIGIN',
  'x-permitted-cross-domain-policies': 'none',
  'x-xss-protection': '0',
} as const;

function policyText(policy: Record<string, string>): string {
  return Object.entries(policy)
    .map(([directive, sources]) => `${directive} ${sources}`)
    .join(';');
}

/** Adds the security headers to every answer. */
export function secureHeaders(app: FastifyInstance): void {
  app.addHook('onRequest', (_request, reply, done) => {
    void reply.headers(SECURITY_HEADERS);
    done();
  });
}

/** Sends an HTML page. Its style elements carry `nonce`, which is valid for this answer only. */
export function sendHtml(reply: FastifyReply, html: (nonce: string) => string): FastifyReply {
  const nonce = randomBytes(16).toString('base64url');
  return reply
    .type('text/html; charset=utf-8')
    .header('content-security-policy', policyText({ ...POLICY, 'style-src': `'self' 'nonce-${nonce}'` }))
    .header('cache-control', 'no-store')
    .send(html(nonce));
}
