/**
 * The routes of `emotion2vec serve` as a plugin for a Fastify server:
 *
 *     const recognizer = new EmotionRecognizer();
 *     app.register(emotion2vec, { prefix: '/emotion', recognizer });
 *
 * The plugin shares the recognizer, and so its queue, with everything else that uses it. Tokens, rate limits and security headers
 * are not part of it.
 */
import type { FastifyPluginAsync } from 'fastify';

import { apiRoutes } from './server/api.js';
import type { ApiOptions as Options } from './server/api-options.js';
import { openService } from './server/open.js';

const plugin: FastifyPluginAsync<Options> = async (app, options) => {
  const service = await openService(options, app);
  app.addHook('preClose', () => {
    service.ready = false;
  });
  app.addHook('onClose', () => service.close());
  await app.register(apiRoutes(service));
};

/** Exported the way Fastify's own plugins are: `require`, the default import and the named import all give the plugin. */
const emotion2vec = Object.assign(plugin, { default: plugin, emotion2vec: plugin });
// eslint-disable-next-line @typescript-eslint/no-namespace -- the only way to export types beside `export =`
declare namespace emotion2vec {
  export type ApiOptions = Options;
}
export = emotion2vec;
// Node scans the text of this file for the names that ES modules may import.
(module as { exports: Record<string, unknown> }).exports['emotion2vec'] = plugin;
