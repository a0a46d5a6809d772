import { type FastifyInstance, jsonSchemaTransform, jsonSchemaTransformObject, swagger } from '../vendor/server.js';
import type * as z from '../vendor/zod.js';
import { inferError } from './schemas/inference.js';
import { errorResult } from './schemas/results.js';

/** Serves the OpenAPI document, which is generated from the schemas of the routes. Must be registered before the routes. */
export async function serveOpenApi(app: FastifyInstance, version: string): Promise<void> {
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
    transform: (route) => withDefaults(jsonSchemaTransform({ ...route, schema: withErrors(route) }), route.schema),
    transformObject: (given) =>
      tidied(jsonSchemaTransformObject(given) as Document) as ReturnType<typeof jsonSchemaTransformObject>,
  });
  for (const url of ['/openapi.json', '/docs/json']) app.get(url, { schema: { hide: true } }, () => app.swagger());
}

type Transformed = Parameters<typeof jsonSchemaTransform>[0];

/** Adds the errors that may occur before a request reaches its route, and the unexpected ones. */
function withErrors({ schema, route, url }: Transformed): Transformed['schema'] {
  if (schema.hide === true) return schema;
  const { public: isPublic, usesModel } = route.config ?? {};
  const error = /\/v2(\/|$)/.test(url) ? inferError : errorResult;
  const errors = { ...(!isPublic && { 401: error }), 403: error, ...(usesModel && { 429: error }), 500: error };
  return { ...schema, response: { ...(schema.response as object), ...errors } };
}

/** Adds the defaults of a query. zod leaves out those of schemas that convert text. */
function withDefaults<T extends { schema: unknown }>(transformed: T, { querystring }: { querystring?: unknown }): T {
  const { querystring: query } = transformed.schema as { querystring?: { properties: Record<string, object> } };
  const defaults = (querystring as z.ZodType<Record<string, unknown>> | undefined)?.safeParse({}).data ?? {};
  for (const [name, value] of Object.entries(defaults)) {
    Object.assign(query?.properties[name] ?? {}, { default: value });
  }
  return transformed;
}

interface Document {
  paths?: Record<string, Record<string, { requestBody?: { content: Record<string, { schema: unknown }> } }>>;
  components?: { schemas?: Record<string, unknown> };
}

/**
 * Corrects what the schemas cannot express: a body that is neither a form nor JSON is the bytes of a file. Removes component
 * schemas that nothing refers to: each schema is generated twice, for requests and for responses.
 */
function tidied(document: Document): Document {
  const { components, ...rest } = document;
  for (const methods of Object.values(rest.paths ?? {})) {
    for (const { requestBody } of Object.values(methods)) {
      const content = requestBody?.content ?? {};
      for (const type of Object.keys(content)) {
        // The types of a body share one schema object, so it is replaced rather than changed.
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
