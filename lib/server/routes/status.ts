import type { FastifyPluginCallbackZod } from '../../vendor/server.js';
import * as z from '../../vendor/zod.js';
import { serverStatus } from '../schemas/status.js';
import type { Service } from '../service.js';

/** `GET /api/status`, `GET /metrics` */
export function statusRoutes(service: Service): FastifyPluginCallbackZod {
  return (app, _options, done) => {
    app.get(
      '/api/status',
      {
        schema: {
          summary: 'Get the state of the model, the memory, the queue and the limits',
          tags: ['Server'],
          response: { 200: serverStatus },
        },
      },
      () => service.status(),
    );
    app.get(
      '/metrics',
      {
        schema: {
          summary: 'Get metrics in the Prometheus format',
          tags: ['Server'],
          produces: ['text/plain'],
          response: { 200: z.string() },
        },
      },
      async (_request, reply) => reply.type(service.metrics.contentType).send(await service.metrics.text()),
    );
    done();
  };
}
