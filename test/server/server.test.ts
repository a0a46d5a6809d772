import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import fc from 'fast-check';
import Fastify from 'fastify';

import emotion2vec from '../../lib/fastify.js';
import { EmotionRecognizer } from '../../lib/index.js';
import { clipResult } from '../../lib/server/schemas/results.js';
import { serverStatus } from '../../lib/server/schemas/status.js';
import { fixture } from '../support/paths.js';
import { form, type TestServer, testServer } from '../support/server.js';

const speech = readFileSync(fixture('speech.wav'));
const post = {
  method: 'POST',
  url: '/api/recognize',
  payload: speech,
  headers: { 'content-type': 'audio/wav' },
} as const;

interface Operation {
  summary?: string;
  parameters?: { name: string; in: string }[];
  requestBody?: { content: Record<string, { schema: { properties?: Record<string, unknown> } }> };
  responses: Record<string, unknown>;
}
interface OpenApi {
  openapi: string;
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, unknown> };
}

describe('the server', () => {
  let server: TestServer;
  before(async () => (server = await testServer()));
  after(() => server[Symbol.asyncDispose]());

  it('reports the model, loaded or not, the memory and the limits', async () => {
    const status = async () => serverStatus.strict().parse((await server.app.inject('/api/status')).json());
    const before = await status();
    assert.deepEqual([before.model.name, before.model.state], ['small-en-de', 'unloaded']);
    assert.equal(before.model.labels.length, 9);
    assert.deepEqual(
      before.model.labels.filter(({ unused }) => unused).map(({ name, zh }) => [name, zh]),
      [
        ['surprised', '吃惊'],
        ['unknown', '未知'],
      ],
    );
    await server.app.inject(post);
    const after = await status();
    assert.deepEqual([after.model.state, after.model.precision, after.model.device], ['loaded', 'fp32', 'cpu']);
    assert.deepEqual(after.requests, { queued: 0, running: 0, done: 1 });
    assert.ok(after.memory.rssBytes > 1e7);
  });

  it('has metrics for Prometheus', async () => {
    await server.app.inject(post);
    const { body, headers } = await server.app.inject('/metrics');
    assert.match(String(headers['content-type']), /^text\/plain; version=0\.0\.4/);
    for (const line of [
      /^emotion2vec_queue_depth 0$/m,
      /^emotion2vec_model_loaded 1$/m,
      /^emotion2vec_inference_seconds_count [1-9]/m,
      /^emotion2vec_queue_seconds_bucket\{le="0\.005"\} /m,
      /^emotion2vec_decode_seconds_sum /m,
      /^emotion2vec_batch_size_bucket\{le="1"\} [1-9]/m,
      /^emotion2vec_clips_total\{emotion="[a-z]+"\} [1-9]/m,
      /^emotion2vec_audio_seconds_total 3\.05|^emotion2vec_audio_seconds_total [4-9]/m,
      /^emotion2vec_http_request_seconds_count\{method="POST",route="\/api\/recognize",status="200"\} [1-9]/m,
      /^process_resident_memory_bytes \d+$/m,
    ]) {
      assert.match(body, line);
    }
  });

  it('logs one line for each request, with its id, and the result', async () => {
    const answer = await server.app.inject(post);
    const id = answer.headers['x-request-id'];
    const lines = server.logged.filter(({ reqId }) => reqId === id);
    assert.deepEqual(
      lines.map(({ msg, level }) => [msg, level]),
      [
        ['recognized', 30],
        ['request', 30],
      ],
    );
    assert.equal(lines[0]!['clip'], answer.json<{ id: string }>().id);
    assert.deepEqual([lines[1]!['status'], lines[1]!['url']], [200, '/api/recognize']);
  });

  it('has an OpenAPI document, made from the schemas', async () => {
    const document = (await server.app.inject('/openapi.json')).json<OpenApi>();
    assert.equal(document.openapi, '3.1.0');
    const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
    );
    assert.deepEqual(operations.sort(), [
      'DELETE /api/results/{id}',
      'GET /api/batch/{id}/{format}',
      'GET /api/results',
      'GET /api/results/{id}',
      'GET /api/results/{id}/embedding.npy',
      'GET /api/results/{id}/peaks',
      'GET /api/results/{id}/processed_audio.wav',
      'GET /api/status',
      'GET /metrics',
      'GET /v2',
      'GET /v2/health/live',
      'GET /v2/health/ready',
      'GET /v2/models/{name}',
      'GET /v2/models/{name}/ready',
      'GET /v2/models/{name}/versions/{version}',
      'GET /v2/models/{name}/versions/{version}/ready',
      'POST /api/batch',
      'POST /api/recognize',
      'POST /v2/models/{name}/infer',
      'POST /v2/models/{name}/versions/{version}/infer',
    ]);
    for (const methods of Object.values(document.paths)) {
      for (const { summary, responses } of Object.values(methods)) {
        assert.ok(summary !== undefined && Object.keys(responses).some((status) => status.startsWith('2')));
      }
    }
    for (const path of ['/api/recognize', '/api/batch']) {
      const { content } = document.paths[path]!['post']!.requestBody!;
      const { properties } = content['multipart/form-data']!.schema;
      assert.deepEqual(
        Object.keys(properties!).sort(),
        ['embedding', 'file', 'granularity', 'timeline_hop', 'timeline_window', 'window'],
        path,
      );
    }
    const statuses = (path: string) => Object.keys(Object.values(document.paths[path]!)[0]!.responses).join();
    assert.equal(statuses('/api/recognize'), '200,400,401,403,413,415,422,429,500,503,504,507');
    assert.equal(statuses('/v2/health/live'), '200,403,500');
    const text = JSON.stringify(document);
    const used = new Set(Array.from(text.matchAll(/"#\/components\/schemas\/(\w+)"/g), ([, name]) => name!));
    assert.deepEqual(Object.keys(document.components.schemas).sort(), [...used].sort(), 'each exists and is used');
    assert.deepEqual((await server.app.inject('/docs/json')).json(), document);
    const page = await server.app.inject('/docs');
    assert.match(page.body, /docs-[\w-]+\.js/);
    assert.equal((await server.app.inject('/docs/')).headers['location'], '../docs', 'its links are relative');
  });

  it('answers 300 random requests without an internal error', async function () {
    this.timeout(60_000);
    const document = (await server.app.inject('/openapi.json')).json<OpenApi>();
    const routes = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, { parameters = [] }]) => ({ path, method, parameters })),
    );
    const value = fc.oneof(
      fc.string({ maxLength: 30, unit: 'binary' }),
      fc.constantFrom(
        '',
        '0',
        '-1',
        '1e99',
        'NaN',
        'null',
        'true',
        '..',
        '../../etc/passwd',
        '%00',
        '20260101T000000000Z-000000000000',
      ),
      fc.integer().map(String),
      fc.json(),
    );
    const payload = fc.oneof(
      fc.constant(undefined),
      fc.uint8Array({ maxLength: 2000 }).map((bytes) => Buffer.from(bytes)),
      fc.json().map((text) => Buffer.from(text)),
      fc
        .record({
          name: fc.string(),
          filename: fc.string({ unit: 'binary' }),
          content: fc.uint8Array({ maxLength: 500 }),
        })
        .map(({ name, filename, content }) => form({ name, filename, content: Buffer.from(content) }).payload),
    );
    const type = fc.constantFrom(
      undefined,
      'audio/wav',
      'application/json',
      'application/octet-stream',
      'text/plain',
      form().headers['content-type'],
    );
    const request = fc.record({
      route: fc.constantFrom(...routes),
      values: fc.array(value, { minLength: 8, maxLength: 8 }),
      known: fc.array(fc.boolean(), { minLength: 8, maxLength: 8 }),
      payload,
      type,
      accept: fc.constantFrom(undefined, 'text/event-stream', 'text/html'),
    });
    await fc.assert(
      fc.asyncProperty(request, async ({ route, values, payload, type, accept }) => {
        let url = route.path;
        const query: Record<string, string> = {};
        route.parameters.forEach(({ name, in: where }, i) => {
          if (where === 'query') query[name] = values[i]!;
          else
            url = url.replace(`{${name}}`, name === 'name' && i % 2 ? 'small-en-de' : encodeURIComponent(values[i]!));
        });
        const headers = { ...(type && { 'content-type': type }), ...(accept && { accept }) };
        const method = route.method.toUpperCase();
        const answer = await server.app.inject({ method, url, query, headers, ...(payload && { payload }) });
        // A machine under load may be busy.
        assert.ok(
          answer.statusCode < 500 || answer.statusCode === 503,
          `${method} ${url}: ${answer.statusCode} ${answer.body}`,
        );
      }),
      { numRuns: 300 },
    );
  });
});

describe('the plugin', () => {
  it('is exported like Fastify plugins: by require, default import and name', async () => {
    const { default: imported, emotion2vec: named } = await import('emotion2vec-node/fastify');
    const required = createRequire(__filename)('emotion2vec-node/fastify') as typeof imported;
    const { EmotionRecognizer: Recognizer } = await import('emotion2vec-node');
    await using recognizer = new Recognizer();
    for (const plugin of [imported, named, required, required.default] as const) {
      const app = Fastify();
      await app.register(plugin, { recognizer, keep: false });
      assert.equal((await app.inject('/v2')).statusCode, 200);
      await app.close();
    }
  });

  it('adds the routes to a Fastify server of the user, with their recognizer', async () => {
    await using recognizer = new EmotionRecognizer();
    await using kept = await testServer();
    const app = Fastify();
    await app.register(emotion2vec, { prefix: '/emotion', recognizer, output: kept.output });
    app.get('/own', () => ({ queued: recognizer.status().requests.queued, done: recognizer.status().requests.done }));
    app.get('/broken', () => {
      throw new Error('mine');
    });
    const answer = await app.inject({ ...post, url: '/emotion/api/recognize' });
    const result = clipResult.strict().parse(answer.json());
    assert.match(result.links!.self, /^\/emotion\/api\/results\//);
    assert.equal((await app.inject(result.links!.processedAudio!)).statusCode, 200);
    assert.deepEqual((await app.inject('/own')).json(), { queued: 0, done: 1 });
    assert.equal(
      (await app.inject('/broken')).json<{ message: string }>().message,
      'mine',
      'errors of the user are not changed',
    );
    assert.equal(
      (await app.inject('/emotion/nothing')).json<{ error: { code: string } }>().error.code,
      'ERR_NOT_FOUND',
    );
    assert.equal((await app.inject('/nothing')).json<{ error: string }>().error, 'Not Found');
    await app.close();
    await recognizer.recognize(fixture('speech.wav')); // the plugin does not close it
  });

  it('names an invalid option', async () => {
    const recognizer = new EmotionRecognizer();
    for (const [wrong, message] of [
      [{ maxFiles: 0 }, /maxFiles/],
      [{ keep: { days: 1 } }, /keep/],
      [{ outputs: 'x' }, /outputs/],
      [{ recognizer: undefined }, /recognizer/],
      [{ recognizer: 3 }, /recognizer/],
      [{ model: '' }, /model/],
    ] as const) {
      const app = Fastify();
      const registering = app.register(emotion2vec, { recognizer, ...wrong } as never).ready();
      await assert.rejects(async () => registering, { name: 'TypeError', message });
    }
    const app = Fastify();
    await assert.rejects(async () => app.register(emotion2vec, { recognizer, model: 'nothing.pt' }).ready(), {
      code: 'ERR_MODEL_NOT_FOUND',
    });
  });
});
