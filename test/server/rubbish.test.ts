/** Nothing that comes from outside is answered with an error of ours: bodies, queries, paths, headers, and stored files. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import fc from 'fast-check';
import type { InjectOptions } from 'fastify';

import { clipResult } from '../../lib/server/schemas/results.js';
import { keep } from '../support/kept-result.js';
import { type TestServer, testServer } from '../support/server.js';

type Method = Extract<NonNullable<InjectOptions['method']>, string>;
interface Route {
  method: Method;
  url: string;
}

/** All that the OpenAPI document has, with parameters that are right. */
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

/** Of errors, only those that say "later" are not the client's. */
function check(request: InjectOptions, { statusCode, body }: { statusCode: number; body: string }): void {
  const what = JSON.stringify(request).slice(0, 400);
  assert.ok(
    statusCode < 500 || statusCode === 503 || statusCode === 507,
    `${statusCode} for ${what}: ${body.slice(0, 300)}`,
  );
  assert.ok(statusCode < 400 || statusCode === 416 || body.length < 3000, `much is said of ${what}`);
}

describe('rubbish over HTTP', () => {
  let server: TestServer;
  let routes: Route[];
  before(async () => {
    server = await testServer({ timeoutMs: 5000 });
    routes = await routesOf(server, keep(server.output, { file: 'a.wav', duration: 1, count: 2 }).id);
  });
  after(() => server[Symbol.asyncDispose]());
  const ask = async (request: InjectOptions): Promise<void> => check(request, await server.app.inject(request));

  it('in the body, of every route', async () => {
    for (const { method, url } of routes.filter(({ method }) => method !== 'DELETE')) {
      const plain = method === 'GET' || method === 'HEAD';
      for (const payload of plain ? BODIES.slice(0, 4) : BODIES) {
        // A body of another type is the same to routes that read JSON whatever its type.
        for (const type of plain ? TYPES.slice(0, 2) : TYPES) {
          const headers = type === undefined ? {} : { 'content-type': type };
          await ask({ method, url, headers, ...(payload !== undefined && { payload }) });
        }
      }
    }
    const { body } = await server.app.inject({ method: 'POST', url: '/v2/models/small-en-de/infer' });
    assert.match(body, /no body/);
  }).timeout(120_000);

  it('in the query, the headers and the path', async () => {
    for (const route of routes.filter(({ method }) => method !== 'DELETE')) {
      for (const query of QUERIES) await ask({ ...route, url: route.url + query });
      for (const headers of HEADERS) await ask({ ...route, headers });
      for (const method of ['HEAD', 'OPTIONS', 'PUT', 'PATCH', 'TRACE'] as Method[]) await ask({ ...route, method });
    }
    for (const url of PATHS) for (const method of ['GET', 'POST', 'DELETE'] as const) await ask({ method, url });
  });

  it('of any kind', async () => {
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

describe('rubbish in the output folder', () => {
  const good = (): Record<string, unknown> => {
    const output = path.join(process.env['TMPDIR'] ?? '/tmp', `emotion2vec-good-${process.pid}`);
    mkdirSync(output, { recursive: true });
    const { id } = keep(output, { file: 'a.wav', duration: 1, count: 2 });
    const json = JSON.parse(readFileSync(path.join(output, id, 'result.json'), 'utf8')) as Record<string, unknown>;
    rmSync(output, { recursive: true });
    return json;
  };
  /** What somebody puts in place of a file. */
  const REPLACEMENTS: [what: string, put: (file: string) => void][] = [
    ...['null', '[]', '""', '5', 'true', '{}', '', '{"id":', '\0\0', '[null]', '{"__proto__":{}}'].map(
      (text): [string, (file: string) => void] => [JSON.stringify(text), (file) => writeFileSync(file, text)],
    ),
    ['a folder', (file) => mkdirSync(file)],
    ['a pipe', (file) => execFileSync('mkfifo', [file])],
    ['a link to a file elsewhere', (file) => symlinkSync('/etc/passwd', file)],
    ['a link to itself', (file) => symlinkSync(file, file)],
    ['a link to a device', (file) => symlinkSync('/dev/zero', file)],
    ['nothing', () => {}],
    [
      'a huge file',
      (file) => {
        writeFileSync(file, '');
        truncateSync(file, 2 ** 31);
      },
    ],
  ];

  it('is skipped, never served, and logged once', async () => {
    await using server = await testServer();
    const fine = keep(server.output, { file: 'fine.wav', duration: 1, count: 2 });
    const put: string[] = [];
    for (const [what, replace] of REPLACEMENTS) {
      const { id } = keep(server.output, { file: `${what}.wav`, duration: 1, count: 2 });
      const file = path.join(server.output, id, 'result.json');
      assert.equal((await server.app.inject(`/api/results/${id}`)).statusCode, 200);
      rmSync(file);
      replace(file);
      put.push(id);
    }
    const template = good();
    for (const key of Object.keys(template)) {
      for (const value of [null, [], {}, 'x', -1, undefined]) {
        if (key === 'file' && value === 'x') continue;
        const { id } = keep(server.output, { file: 'b.wav', duration: 1, count: 1 });
        const json = JSON.stringify({ ...template, id, [key]: value });
        if (clipResult.safeParse(JSON.parse(json)).success && key !== 'id' && key !== 'createdAt') {
          rmSync(path.join(server.output, id), { recursive: true });
          continue; // such as a duration of -1: not right, and no harm
        }
        writeFileSync(path.join(server.output, id, 'result.json'), json);
        put.push(id);
      }
    }
    assert.ok(put.length > 60);
    // What has the name of a result, and is no folder.
    const odd = keep(server.output, { file: 'c.wav', duration: 1, count: 1 }).id;
    for (const [i, [what, replace]] of REPLACEMENTS.entries()) {
      if (what === 'nothing') continue;
      const id = odd.slice(0, -2) + String(i).padStart(2, '0');
      const folder = path.join(server.output, id);
      rmSync(folder, { recursive: true, force: true });
      replace(folder);
      put.push(id);
    }
    rmSync(path.join(server.output, odd), { recursive: true, force: true });
    const outside = path.join(server.output, fine.id);
    const linked = `${odd.slice(0, -2)}ff`;
    symlinkSync(outside, path.join(server.output, linked));
    put.push(linked);

    for (let i = 0; i < 2; i++) {
      const list = await server.app.inject('/api/results?limit=500');
      assert.equal(list.statusCode, 200);
      assert.deepEqual(
        list.json<{ results: { id: string }[] }>().results.map(({ id }) => id),
        [fine.id],
      );
      for (const id of i === 0 ? put : []) {
        for (const below of ['', '/peaks', '/processed_audio.wav', '/embedding.npy']) {
          const answer = await server.app.inject(`/api/results/${id}${below}`);
          assert.equal(answer.statusCode, 404, `${id}${below}: ${answer.body.slice(0, 200)}`);
        }
      }
    }
    const logged = server.logged.filter(({ level }) => level === 40).map(({ msg }) => String(msg));
    assert.equal(new Set(logged).size, logged.length, 'once each');
    assert.ok(logged.length > 50);
    assert.ok(logged.every((line) => line.length < 1000 && !line.includes(server.output)));
    assert.deepEqual(
      server.logged.filter(({ level }) => (level as number) > 40),
      [],
    );
    for (const id of put) {
      const { statusCode } = await server.app.inject({ method: 'DELETE', url: `/api/results/${id}` });
      assert.ok(statusCode === 204 || statusCode === 404);
    }
    assert.equal((await server.app.inject(`/api/results/${fine.id}/processed_audio.wav`)).statusCode, 200);
    assert.equal((await server.app.inject(`/api/results/${fine.id}`)).statusCode, 200);
  }).timeout(60_000);

  it('in place of a file beside a result, or of a list of a batch, is as good as none', async () => {
    await using server = await testServer();
    const fine = keep(server.output, { file: 'fine.wav', duration: 1, count: 2 });
    for (const [what, replace] of REPLACEMENTS) {
      for (const name of ['processed_audio.wav', 'embedding.npy']) {
        const { id } = keep(server.output, { file: 'a.wav', duration: 1, count: 2 });
        const file = path.join(server.output, id, name);
        rmSync(file, { force: true });
        replace(file);
        const answer = await server.app.inject(`/api/results/${id}/${name}`);
        assert.equal(answer.statusCode, 404, `${what} for ${name}`);
        if (name.endsWith('wav'))
          assert.equal((await server.app.inject(`/api/results/${id}/peaks`)).statusCode, 404, what);
        assert.equal((await server.app.inject(`/api/results/${id}`)).statusCode, 200);

        if (name !== 'processed_audio.wav') continue;
        // A download has what there is.
        const batch = fine.id;
        const list = path.join(server.output, `${batch}.batch.json`);
        const clips = [
          { file: 'a.wav', id },
          { file: 'fine.wav', id: fine.id },
          { file: 'gone.wav', id: batch },
        ];
        writeFileSync(list, JSON.stringify({ createdAt: new Date().toISOString(), clips }));
        const zip = await server.app.inject(`/api/batch/${batch}/zip`);
        assert.equal(zip.statusCode, 200);
        assert.match(zip.body, /fine\.wav\/processed_audio\.wav/);
        assert.ok(!zip.body.includes(`a.wav/${name}`) && zip.body.includes('a.wav/result.json'), `${what} for ${name}`);
        rmSync(list);
        replace(list);
        for (const format of ['csv', 'ndjson', 'zip']) {
          assert.equal((await server.app.inject(`/api/batch/${batch}/${format}`)).statusCode, 404, what);
        }
        rmSync(list, { recursive: true, force: true });
      }
    }
    const list = path.join(server.output, `${fine.id}.batch.json`);
    for (const clips of [null, [null], [{ file: 'x' }], [{ file: 5, id: fine.id }], [{ file: 'x', id: '../../etc' }]]) {
      writeFileSync(list, JSON.stringify({ createdAt: new Date().toISOString(), clips }));
      assert.equal((await server.app.inject(`/api/batch/${fine.id}/ndjson`)).statusCode, 404, JSON.stringify(clips));
    }
  }).timeout(60_000);
});
