/** Invalid bodies, queries, paths, headers and stored files never cause an internal error. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { InjectOptions } from 'fastify';

import { keep } from '../support/kept-result.js';
import { type TestServer, testServer } from '../support/server.js';

type Method = Extract<NonNullable<InjectOptions['method']>, string>;
interface Route {
  method: Method;
  url: string;
}

/** All routes of the OpenAPI document, with valid parameters. */
async function routesOf({ app }: TestServer, id: string): Promise<Route[]> {
  const { paths } = (await app.inject('/openapi.json')).json<{ paths: Record<string, Record<string, unknown>> }>();
  const { version, name } = (await app.inject('/v2/models/small-en-de')).json<{ name: string; version: string }>();
  const params: Record<string, string> = { id, format: 'zip', name, version };
  const documented = Object.entries(paths).flatMap(([url, methods]) =>
    Object.keys(methods).map((method) => ({
      method: method.toUpperCase(),
      url: url.replace(/\{(\w+)\}/g, (_all, name: string) => params[name] ?? 'x'),
    })),
  );
  assert.ok(documented.length >= 15);
  const others = ['/', '/docs', '/openapi.json', '/assets/x', '/nothing'].map((url) => ({
    method: 'GET' as const,
    url,
  }));
  return [...documented, ...others, { method: 'POST', url: '/login' }, { method: 'POST', url: '/logout' }];
}

const DEEP = `${'['.repeat(20_000)}${']'.repeat(20_000)}`;
const tensor = (more: string) => `{"inputs":[{"name":"waveform","shape":[1],"datatype":"FP32","data":[0]${more}}]}`;
const BODIES = [
  undefined,
  '',
  'null',
  '[]',
  '{}',
  '5',
  '1e999',
  '"x"',
  'true',
  '{"inputs":null}',
  '{"inputs":[null]}',
  '{"inputs":[{}, 5]}',
  '{"__proto__":{"inputs":[]},"constructor":1}',
  '{"inputs":{"__proto__":[]},"outputs":5}',
  tensor(''),
  tensor(',"parameters":{"binary_data_size":-1}'),
  tensor(`,"parameters":{"binary_data_size":${DEEP}}`),
  tensor('}],"parameters":{"sample_rate":1e308},"outputs":[{"name":"__proto__"'),
  '{"inputs":[{"name":"waveform","shape":[1,9007199254740991],"datatype":"FP32","data":[]}]}',
  `{"inputs":[{"name":"waveform","shape":[${'1,'.repeat(5000)}1],"datatype":"FP32"}]}`,
  `{"outputs":[${'5,'.repeat(20_000)}5],"inputs":[]}`,
  DEEP,
  '{"inputs":',
  '\0\0\0\0',
  'RIFF\xff\xff\xff\xffWAVEfmt ',
  '--x\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\n\r\n--x--\r\n',
  '--x\r\nContent-Disposition: form-data; name="__proto__"\r\n\r\n1\r\n--x--\r\n',
  '--x\r\nContent-Disposition: form-data; name="embedding"\r\n\r\nmaybe\r\n--x\r\n\r\n--x--\r\n',
  'token=x&token=y&__proto__=z',
];
const TYPES = [
  undefined,
  'application/json',
  'audio/wav',
  'multipart/form-data; boundary=x',
  'application/x-www-form-urlencoded',
  ';;;',
];
const QUERIES = [
  '',
  '?a=1&a=2',
  '?limit=5&limit=6&before=x&before=y',
  '?limit=1e999&count=1e999&window=1e999',
  '?limit=-1&count=NaN&granularity=',
  '?__proto__=1&constructor=2&toString=3',
  '?%00=%00&%ff=%e0%80',
  `?${'x'.repeat(8000)}=1`,
  '?embedding=true&embedding=false&name=%00%0d%0a',
];
const HEADERS: Record<string, string>[] = [
  {},
  { range: 'bytes=0-0,2-2,-1,5-' },
  { range: 'bytes=99999999999999999999-' },
  { range: `bytes=${'0-,'.repeat(2000)}` },
  { 'if-none-match': '*', 'if-modified-since': 'yesterday' },
  { 'inference-header-content-length': '1e3' },
  { 'inference-header-content-length': '-5' },
  { 'content-encoding': 'gzip' },
  { accept: 'text/event-stream, text/html', 'accept-language': 'zh, \t,;q=x' },
  { cookie: 'a=b; __proto__=x; emotion2vec_=%ff', authorization: 'Bearer ' },
  { host: 'localhost:99999999', origin: 'null' },
  { 'x-forwarded-for': ',,,', 'x-forwarded-host': '', 'x-forwarded-proto': '::' },
];
const PATHS = [
  '/api/results/%00',
  '/api/results/..%2f..%2fetc%2fpasswd',
  '/api/results/%252e%252e%252f',
  '/assets/..%2f..%2f..%2fpackage.json',
  '/assets/%00',
  '/assets/%ff',
  '/docs/static/..%2f..%2f',
  '//evil.example/',
  '/%',
  '/v2/models/__proto__/infer',
  '/v2/models/constructor/versions/__proto__',
  `/${'a/'.repeat(7000)}`,
  `/api/results/${'x'.repeat(15_000)}`,
];

/** Checks that an answer is short, and that it is no internal error. A full queue and a full disk are accepted. */
function check(request: InjectOptions, { statusCode, body }: { statusCode: number; body: string }): void {
  const what = JSON.stringify(request).slice(0, 400);
  assert.ok(
    statusCode < 500 || statusCode === 503 || statusCode === 507,
    `${statusCode} for ${what}: ${body.slice(0, 300)}`,
  );
  assert.ok(statusCode < 400 || statusCode === 416 || body.length < 3000, `the answer to ${what} is long`);
}

describe('invalid input over HTTP', () => {
  let server: TestServer;
  let routes: Route[];
  before(async () => {
    server = await testServer({ timeoutMs: 5000 });
    routes = await routesOf(server, keep(server.output, { file: 'a.wav', duration: 1, count: 2 }).id);
  });
  after(() => server[Symbol.asyncDispose]());
  const ask = async (request: InjectOptions): Promise<void> => check(request, await server.app.inject(request));

  it('in the body of every route', async () => {
    for (const { method, url } of routes.filter(({ method }) => method !== 'DELETE')) {
      const plain = method === 'GET' || method === 'HEAD';
      for (const payload of plain ? BODIES.slice(0, 4) : BODIES) {
        // Routes that read JSON do so whatever the type of the body.
        for (const type of plain ? TYPES.slice(0, 2) : TYPES) {
          const headers = type === undefined ? {} : { 'content-type': type };
          await ask({ method, url, headers, ...(payload !== undefined && { payload }) });
        }
      }
    }
    const { statusCode } = await server.app.inject({ method: 'POST', url: '/v2/models/small-en-de/infer' });
    assert.equal(statusCode, 400);
  }).timeout(120_000);

  it('in the query, the headers and the path', async () => {
    for (const route of routes.filter(({ method }) => method !== 'DELETE')) {
      for (const query of QUERIES) await ask({ ...route, url: route.url + query });
      for (const headers of HEADERS) await ask({ ...route, headers });
      for (const method of ['HEAD', 'OPTIONS', 'PUT', 'PATCH', 'TRACE'] as Method[]) await ask({ ...route, method });
    }
    for (const url of PATHS) for (const method of ['GET', 'POST', 'DELETE'] as const) await ask({ method, url });
  });

  it('of any kind, at random', async () => {
    const json = fc.json({ maxDepth: 4 });
    const tensors = fc.record(
      {
        name: fc.constantFrom('waveform', 'lengths', '__proto__', ''),
        shape: fc.array(fc.oneof(fc.integer({ min: -1, max: 5 }), fc.double()), { maxLength: 3 }),
        datatype: fc.constantFrom('FP32', 'INT64', 'BYTES'),
        data: fc.oneof(fc.array(fc.oneof(fc.double(), fc.jsonValue()), { maxLength: 6 }), fc.jsonValue()),
        parameters: fc.record({ binary_data_size: fc.oneof(fc.integer(), fc.jsonValue()) }),
      },
      { requiredKeys: [] },
    );
    const infer = fc
      .record({ inputs: fc.array(tensors, { maxLength: 3 }), outputs: fc.jsonValue() })
      .map((v) => JSON.stringify(v));
    const bytes = fc.uint8Array({ maxLength: 300 }).map((array) => Buffer.from(array));
    const request = fc.record({
      route: fc.nat(),
      query: fc.webQueryParameters(),
      type: fc.constantFrom(...TYPES),
      payload: fc.oneof(json, infer, bytes, fc.constantFrom(...BODIES)),
      headers: fc.constantFrom(...HEADERS),
    });
    await fc.assert(
      fc.asyncProperty(request, async ({ route, query, type, payload, headers }) => {
        const { method, url } = routes[route % routes.length]!;
        if (method === 'DELETE') return;
        await ask({
          method,
          url: query === '' ? url : `${url}?${query}`,
          headers: { ...headers, ...(type !== undefined && { 'content-type': type }) },
          ...(payload !== undefined && { payload }),
        });
      }),
      { numRuns: 150, seed: 20261128 },
    );
  }).timeout(60_000);
});
