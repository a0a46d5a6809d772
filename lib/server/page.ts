import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';

import { packageRoot } from '../shared/package-root.js';
import { type FastifyInstance, fastifyStatic } from '../vendor/server.js';
import { sendHtml } from './headers.js';

/** Where `npm run compile` puts the pages. */
const FOLDER = path.join(packageRoot, 'dist', 'web');
/** Placeholder for the nonce of styles, in the HTML files. */
const NONCE = '__NONCE__';
/** Placeholder for whether there is a session to log out of. */
const LOGOUT = '__LOGOUT__';

/** The pages, by their path on the server. */
const PAGES = { '/': 'index.html', '/docs': 'docs.html' };

/** Serves the web page and the documentation of the API. They refer to everything by relative URLs. */
export async function servePages(app: FastifyInstance, hasLogin: boolean): Promise<void> {
  if (Object.values(PAGES).some((file) => !existsSync(path.join(FOLDER, file)))) {
    app.log.warn('The web page was not built. Run `npm run compile`.');
    return;
  }
  for (const [url, file] of Object.entries(PAGES)) {
    const html = readFileSync(path.join(FOLDER, file), 'utf8').replace(LOGOUT, hasLogin ? 'yes' : 'no');
    app.get(url, { schema: { hide: true } }, (request, reply) => {
      // Relative URLs of a page are resolved against its folder.
      if (url !== '/' && /\/(\?|$)/.test(request.url)) return reply.redirect(`..${url}`, 308);
      return sendHtml(reply, (nonce) => html.replaceAll(NONCE, nonce));
    });
  }
  // The names of built files contain a hash of their content.
  await app.register(fastifyStatic, {
    root: path.join(FOLDER, 'assets'),
    prefix: '/assets/',
    immutable: true,
    maxAge: '365d',
    index: false,
  });
}
