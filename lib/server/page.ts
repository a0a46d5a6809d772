import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import fastifyStatic from '@fastify/static';
import type { FastifyInstance } from 'fastify';

import { packageRoot } from '../shared/package-root.js';
import { sendHtml } from './headers.js';

/** Where `npm run compile` puts the page. */
const FOLDER = path.join(packageRoot, 'dist', 'web');
/** What web/index.html has in place of the nonce of its styles. */
const NONCE = '__NONCE__';
/** And in place of whether one can log out. */
const LOGOUT = '__LOGOUT__';

/** The web page. Its own address takes no API with it: it asks for what lies beside it. */
export async function servePage(app: FastifyInstance, hasLogin: boolean): Promise<void> {
  const file = path.join(FOLDER, 'index.html');
  if (!existsSync(file)) {
    app.log.warn('The page was not built: run `npm run compile`');
    return;
  }
  const html = readFileSync(file, 'utf8').replace(LOGOUT, hasLogin ? 'yes' : 'no');
  app.get('/', { schema: { hide: true } }, (_request, reply) =>
    sendHtml(reply, (nonce) => html.replaceAll(NONCE, nonce)),
  );
  // Names of built files carry a hash of their content.
  await app.register(fastifyStatic, {
    root: path.join(FOLDER, 'assets'),
    prefix: '/assets/',
    immutable: true,
    maxAge: '365d',
    index: false,
  });
}
