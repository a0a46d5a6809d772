/**
 * The routes of `emotion2vec serve` as a plugin for a Fastify server:
 *
 *     const recognizer = new EmotionRecognizer();
 *     app.register(emotion2vec, { prefix: '/emotion', recognizer });
 *
 * The plugin shares the recognizer, and therefore its queue, with all other code that uses it. It does not close the recognizer.
 * Tokens, rate limits and security headers are not part of the plugin. The options are those of `ApiOptions`. Registering the
 * plugin loads neither libtorch nor the model.
 *
 * Registering rejects with a TypeError (code ERR_INVALID_OPTIONS) for invalid options, and with an EmotionError
 * ERR_MODEL_NOT_FOUND, ERR_MODEL_LOAD or ERR_FILE_WRITE if the model cannot be read or the output folder cannot be written to.
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

/** Exported like Fastify's own plugins: `require`, the default import and the named import all return the plugin. */
const emotion2vec = Object.assign(plugin, { default: plugin, emotion2vec: plugin });
// eslint-disable-next-line @typescript-eslint/no-namespace -- the only way to export types together with `export =`
declare namespace emotion2vec {
  export type ApiOptions = Options;
}
export = emotion2vec;
// Node scans the text of this file for the names that ES modules may import.
(module as { exports: Record<string, unknown> }).exports['emotion2vec'] = plugin;
