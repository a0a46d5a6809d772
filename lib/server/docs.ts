import swagger from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import type { FastifyInstance } from 'fastify';
import { jsonSchemaTransform, jsonSchemaTransformObject } from 'fastify-type-provider-zod';

import { errorResult, inferError } from './schemas.js';

/** `/openapi.json`, from the routes' schemas, and `/docs`, the same to read and to try. To be registered before the routes. */
export async function serveDocs(app: FastifyInstance, version: string): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'emotion2vec-node',
        description: 'Speech emotion recognition.',
        version,
        license: { name: 'MIT', identifier: 'MIT' },
      },
      components: { securitySchemes: { token: { type: 'http', scheme: 'bearer' } } },
      security: [{}, { token: [] }],
    },
    transform: (route) => jsonSchemaTransform({ ...route, schema: withErrors(route) }),
    transformObject: (given) =>
      tidied(jsonSchemaTransformObject(given) as Document) as ReturnType<typeof jsonSchemaTransformObject>,
  });
  app.get('/openapi.json', { schema: { hide: true } }, () => app.swagger());
  await app.register(swaggerUi, {
    routePrefix: '/docs',
    staticCSP: true,
    transformStaticCSP: docsPolicy,
    uiConfig: { tryItOutEnabled: true },
  });
}

type Transformed = Parameters<typeof jsonSchemaTransform>[0];

/** With what may happen to a request before its route has it, and what should not happen to any. */
function withErrors({ schema, route, url }: Transformed): Transformed['schema'] {
  if (schema.hide === true) return schema;
  const { open, works } = route.config ?? {};
  const error = /\/v2(\/|$)/.test(url) ? inferError : errorResult;
  const errors = { ...(!open && { 401: error }), 403: error, ...(works && { 429: error }), 500: error };
  return { ...schema, response: { ...(schema.response as object), ...errors } };
}

/** As strict as the page's, but that Swagger UI styles its elements by their attributes. `proposed` has its scripts' hashes. */
function docsPolicy(proposed: string): string {
  const scripts = /script-src [^;]*/.exec(proposed)?.[0] ?? "script-src 'self'";
  const rest = "img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";
  return `default-src 'none'; ${scripts}; style-src 'self' 'unsafe-inline'; ${rest}`;
}

interface Document {
  paths?: Record<string, Record<string, { requestBody?: { content: Record<string, { schema: unknown }> } }>>;
  components?: { schemas?: Record<string, unknown> };
}

/**
 * What the schemas cannot say: a body that is neither a form nor JSON is a file's bytes. Schemas come in two kinds, of what
 * goes in and of what comes out, and those that nothing refers to only confuse.
 */
function tidied(document: Document): Document {
  const { components, ...rest } = document;
  for (const methods of Object.values(rest.paths ?? {})) {
    for (const { requestBody } of Object.values(methods)) {
      const content = requestBody?.content ?? {};
      for (const type of Object.keys(content)) {
        // The types of a body share one description: another one, not that one changed.
        if (!/form-data|json/.test(type)) content[type] = { schema: { type: 'string', format: 'binary' } };
      }
    }
  }
  const schemas = components?.schemas ?? {};
  const used = new Set<string>();
  const follow = (value: unknown): void => {
    for (const [, name] of JSON.stringify(value).matchAll(/"#\/components\/schemas\/([^"]+)"/g)) {
      if (used.has(name!) || !(name! in schemas)) continue;
      used.add(name!);
      follow(schemas[name!]);
    }
  };
  follow(rest);
  const kept = Object.fromEntries(Object.entries(schemas).filter(([name]) => used.has(name)));
  return { ...rest, components: { ...components, schemas: kept } };
}
