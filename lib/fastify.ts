/**
 * The routes of `emotion2vec serve` for a Fastify server of one's own:
 *
 *     const recognizer = new EmotionRecognizer();
 *     app.register(emotion2vec, { prefix: '/emotion', recognizer });
 *
 * They share the recognizer, so its queue, with whatever else uses it. Protection (tokens, rate limits, headers) is the server's.
 */
import type { FastifyPluginAsync } from 'fastify';

import { apiRoutes } from './server/api.js';
import type { ApiOptions as Options } from './server/options.js';
import { openService } from './server/open.js';

const plugin: FastifyPluginAsync<Options> = async (app, options) => {
  const service = await openService(options, app);
  app.addHook('preClose', () => {
    service.ready = false;
  });
  app.addHook('onClose', () => service.close());
  await app.register(apiRoutes(service));
};

/** Exported as Fastify's own plugins are: required, imported as default, or by name, it is the plugin. */
const emotion2vec = Object.assign(plugin, { default: plugin, emotion2vec: plugin });
// eslint-disable-next-line @typescript-eslint/no-namespace -- types beside `export =` have no other way out
declare namespace emotion2vec {
  export type ApiOptions = Options;
}
export = emotion2vec;
// Node looks through this file's text for names that ES modules may import.
(module as { exports: Record<string, unknown> }).exports['emotion2vec'] = plugin;
