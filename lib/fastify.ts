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
import type { ApiOptions } from './server/options.js';
import { openService } from './server/open.js';

export type { ApiOptions };

const emotion2vec: FastifyPluginAsync<ApiOptions> = async (app, options) => {
  const service = await openService(options, app);
  app.addHook('preClose', () => {
    service.ready = false;
  });
  app.addHook('onClose', () => service.close());
  await app.register(apiRoutes(service));
};

export default emotion2vec;
export { emotion2vec };
