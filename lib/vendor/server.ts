/**
 * The packages that the server is built on. `npm run compile` replaces the compiled file by a bundle of exactly these exports, so
 * that users of this package install none of them. All of lib/server imports them from here.
 */
import type { createStream as CreateStream } from 'rotating-file-stream' with { 'resolution-mode': 'import' };

export { default as cors } from '@fastify/cors';
export {
  default as multipart,
  type FastifyMultipartBaseOptions,
  type Multipart,
  type MultipartFile,
} from '@fastify/multipart';
export { default as rateLimit } from '@fastify/rate-limit';
export { default as fastifyStatic } from '@fastify/static';
export { default as swagger } from '@fastify/swagger';
export { default as underPressure } from '@fastify/under-pressure';
export {
  type ConnectionError,
  fastify,
  type FastifyBaseLogger,
  type FastifyError,
  type FastifyInstance,
  type FastifyPluginAsync,
  type FastifyReply,
  type FastifyRequest,
  type FastifySchemaCompiler,
  LogController,
  type RegisterOptions,
} from 'fastify';
export {
  type FastifyPluginCallbackZod,
  jsonSchemaTransform,
  jsonSchemaTransformObject,
} from 'fastify-type-provider-zod';
export { default as pino, type Logger } from 'pino';
export { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
export { ZipFile } from 'yazl';

// The package has a CommonJS build, but its types describe the ES module alone.
// eslint-disable-next-line @typescript-eslint/no-require-imports
export const { createStream } = require('rotating-file-stream') as { createStream: typeof CreateStream };
