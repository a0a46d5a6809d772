import assert from 'node:assert/strict';
import type { InjectOptions } from 'fastify';

import { EmotionRecognizer, type RecognitionResult } from '../../lib/index.js';
import { inferResponse } from '../../lib/server/schemas/inference.js';
import { type TestServer, testServer } from '../support/server.js';
import { clip } from '../support/tiny.js';

const MODEL = '/v2/models/small-en-de';
const JSON_LENGTH_HEADER = 'inference-header-content-length';
const [long, short] = [clip(1, 16000), clip(2, 12000)];

describe('the Open Inference Protocol', () => {
  let server: TestServer;
  let expected: RecognitionResult[];
  before(async () => {
    server = await testServer();
    await using recognizer = new EmotionRecognizer();
    expected = [];
    for (const samples of [long, short]) {
      expected.push(await recognizer.recognize({ samples, sampleRate: 16000 }, { logits: true, embedding: true }));
    }
  });
  after(() => server[Symbol.asyncDispose]());
  const infer = (payload: object | Buffer, headers: Record<string, string> = { 'content-type': 'application/json' }) =>
    server.app.inject({ method: 'POST', url: `${MODEL}/infer`, payload, headers });
  const wave = (samples: Float32Array, shape = [samples.length]) => ({
    name: 'waveform',
    datatype: 'FP32',
    shape,
    data: Array.from(samples),
  });

  it('accepts a batch that is larger than the queue', async () => {
    await using narrow = await testServer({ recognizer: { maxQueue: 2 } });
    const payload = { inputs: [wave(new Float32Array(8 * 8000).fill(0.1), [8, 8000])] };
    const answer = await narrow.app.inject({ method: 'POST', url: `${MODEL}/infer`, payload });
    assert.equal(answer.statusCode, 200, answer.body);
    assert.deepEqual(inferResponse.parse(answer.json()).outputs[0]!.shape, [8, 9]);
  });

  it('describes the server, its health and its model', async () => {
    const get = async (url: string) => {
      const answer = await server.app.inject(url);
      return [answer.statusCode, answer.json<Record<string, unknown>>()] as const;
    };
    assert.deepEqual((await get('/v2'))[1]['extensions'], ['binary_tensor_data']);
    assert.deepEqual(await get('/v2/health/live'), [200, { live: true }]);
    assert.deepEqual(await get('/v2/health/ready'), [200, { ready: true }]);
    assert.deepEqual(await get(`${MODEL}/ready`), [200, { name: 'small-en-de', ready: true }]);
    const [, model] = await get(MODEL);
    assert.deepEqual(
      [model['name'], model['versions'], model['platform']],
      ['small-en-de', ['2.0.0'], 'pytorch_torchscript'],
    );
    assert.deepEqual(await get(`${MODEL}/versions/2.0.0`), [200, model]);
    server.setReady(false);
    assert.deepEqual(await get('/v2/health/ready'), [503, { ready: false }]);
    assert.deepEqual(await get('/v2/health/live'), [200, { live: true }]);
    server.setReady(true);
    for (const url of ['/v2/models/other', `${MODEL}/versions/7`, '/v2/models/other/ready']) {
      const [status, body] = await get(url);
      assert.deepEqual([status, Object.keys(body)], [404, ['error']]);
    }
  });

  it('gives the results of the library, for one clip as JSON', async () => {
    for (const input of [wave(long), wave(long, [1, long.length])]) {
      const answer = await infer({ id: 'mine', inputs: [input] });
      const response = inferResponse.strict().parse(answer.json());
      assert.deepEqual([response.id, response.model_name], ['mine', 'small-en-de']);
      const of = Object.fromEntries(response.outputs.map((output) => [output.name, output]));
      assert.deepEqual(of['logits']!.shape, [1, 9]);
      assert.deepEqual(of['logits']!.data, Array.from(expected[0]!.logits!));
      assert.deepEqual(of['features']!.data, Array.from(expected[0]!.embedding!));
      assert.deepEqual(of['emotion']!.data, [expected[0]!.emotion]);
      const scores = of['scores']!.data as number[];
      assert.deepEqual(scores.slice(0, 7), Object.values(expected[0]!.scores));
      assert.deepEqual(scores.slice(7), [0, 0]);
    }
  });

  it('accepts clips of several lengths in nested arrays, and returns the requested outputs', async () => {
    const rows = [Array.from(long), [...short, ...new Array<number>(4000).fill(9)]];
    const answer = await infer({
      inputs: [
        { name: 'waveform', datatype: 'FP32', shape: [2, 16000], data: rows },
        { name: 'lengths', datatype: 'INT64', shape: [2], data: [16000, 12000] },
      ],
      outputs: [{ name: 'logits' }],
    });
    const { outputs } = inferResponse.parse(answer.json());
    assert.deepEqual(
      outputs.map(({ name, shape, data }) => ({ name, shape, data })),
      [{ name: 'logits', shape: [2, 9], data: expected.flatMap(({ logits }) => Array.from(logits!)) }],
    );
  });

  it('accepts and returns binary tensors', async () => {
    const head = Buffer.from(
      JSON.stringify({
        inputs: [{ name: 'waveform', datatype: 'FP32', shape: [16000], parameters: { binary_data_size: 64000 } }],
        outputs: [
          { name: 'scores', parameters: { binary_data: true } },
          { name: 'emotion', parameters: { binary_data: true } },
          { name: 'logits' },
        ],
        parameters: { sample_rate: 16000 },
      }),
    );
    const payload = Buffer.concat([head, Buffer.from(long.buffer)]);
    const answer = await infer(payload, {
      'content-type': 'application/octet-stream',
      [JSON_LENGTH_HEADER]: String(head.length),
    });
    const size = Number(answer.headers[JSON_LENGTH_HEADER]);
    const json = JSON.parse(answer.rawPayload.toString('utf8', 0, size)) as { outputs: Record<string, unknown>[] };
    assert.deepEqual(json.outputs[0]!['parameters'], { binary_data_size: 36 });
    const scores = new Float32Array(Uint8Array.from(answer.rawPayload.subarray(size, size + 36)).buffer);
    assert.deepEqual(Array.from(scores.subarray(0, 7)), Object.values(expected[0]!.scores).map(Math.fround));
    const text = answer.rawPayload.subarray(size + 36);
    assert.deepEqual(
      [text.readUInt32LE(0), text.toString('utf8', 4)],
      [expected[0]!.emotion.length, expected[0]!.emotion],
    );
    assert.deepEqual(json.outputs[2]!['data'], Array.from(expected[0]!.logits!));
  });

  it('accepts another sample rate', async () => {
    const samples = clip(3, 8000);
    await using recognizer = new EmotionRecognizer();
    const alone = await recognizer.recognize({ samples, sampleRate: 8000 }, { logits: true });
    const request = { inputs: [wave(samples)], parameters: { sample_rate: 8000 }, outputs: [{ name: 'logits' }] };
    const { outputs } = inferResponse.parse((await infer(request)).json());
    assert.deepEqual(outputs[0]!.data, Array.from(alone.logits!));
  });

  it('accepts lengths as a binary tensor', async () => {
    const inputs = [
      { name: 'waveform', datatype: 'FP32', shape: [1, 16000], parameters: { binary_data_size: 64_000 } },
      { name: 'lengths', datatype: 'INT64', shape: [1], parameters: { binary_data_size: 8 } },
    ];
    const ask = (lengths: Buffer) => {
      inputs[1]!.parameters.binary_data_size = lengths.length;
      const head = Buffer.from(JSON.stringify({ inputs, outputs: [{ name: 'logits' }] }));
      const payload = Buffer.concat([head, Buffer.from(long.buffer), lengths]);
      return infer(payload, { 'content-type': 'application/octet-stream', [JSON_LENGTH_HEADER]: String(head.length) });
    };
    const length = Buffer.alloc(8);
    length.writeBigInt64LE(16_000n);
    const { outputs } = inferResponse.parse((await ask(length)).json());
    assert.deepEqual(outputs[0]!.data, Array.from(expected[0]!.logits!));
    assert.equal((await ask(length.subarray(4))).statusCode, 400);
  });

  const one = { name: 'waveform', datatype: 'FP32', shape: [2], data: [0, 0] };
  const bad: [what: string, request: Partial<InjectOptions>, status: number, message: RegExp][] = [
    ['invalid JSON', { payload: '{' }, 400, /JSON/],
    ['no inputs', { payload: { inputs: [] } }, 400, /inputs/],
    ['an unknown input', { payload: { inputs: [{ ...one, name: 'audio' }] } }, 400, /"waveform"/],
    ['an additional input', { payload: { inputs: [one, { ...one, name: 'audio' }] } }, 400, /"audio"/],
    ['a wrong datatype', { payload: { inputs: [{ ...one, datatype: 'INT16' }] } }, 400, /FP32/],
    ['three dimensions', { payload: { inputs: [{ ...one, shape: [1, 1, 2] }] } }, 400, /\[N\] or \[B, N\]/],
    ['too little data', { payload: { inputs: [{ ...one, shape: [3] }] } }, 400, /\b2\b.*\b3\b/],
    ['no data', { payload: { inputs: [{ ...one, data: undefined }] } }, 400, /\b0\b/],
    ['text instead of numbers', { payload: { inputs: [{ ...one, data: ['0', '0'] }] } }, 400, /waveform/],
    ['no clips', { payload: { inputs: [{ ...one, shape: [0, 2], data: [] }] } }, 400, /\b0\b/],
    [
      'lengths beyond the waveform',
      { payload: { inputs: [one, { name: 'lengths', datatype: 'INT64', shape: [1], data: [3] }] } },
      400,
      /lengths.*\b3\b/,
    ],
    ['a repeated input', { payload: { inputs: [one, one] } }, 400, /"waveform"/],
    ['an unknown output', { payload: { inputs: [one], outputs: [{ name: 'text' }] } }, 400, /"text"/],
    [
      'a JSON length beyond the body',
      { payload: '{}', headers: { [JSON_LENGTH_HEADER]: '10' } },
      400,
      /inference-header/,
    ],
    [
      'bytes that belong to no input',
      { payload: '{"inputs":[]}xx', headers: { [JSON_LENGTH_HEADER]: '13' } },
      400,
      /./,
    ],
    [
      'an invalid sample rate',
      { payload: { inputs: [one], parameters: { sample_rate: -1 } } },
      400,
      /sampleRate|sample_rate/,
    ],
    ['two samples', { payload: { inputs: [one] } }, 422, /./],
    ['an unknown path', { url: '/v2/nothing', payload: {} }, 404, /POST/],
    [
      'a request that is too large',
      {
        url: `${MODEL}/infer`,
        payload: Buffer.alloc(65 * 2 ** 20),
        headers: { 'content-type': 'application/octet-stream' },
      },
      413,
      /67 MB/,
    ],
    ['an unknown model', { url: '/v2/models/large/infer', payload: { inputs: [one] } }, 404, /\blarge\b/],
    ['no body', {}, 400, /./],
  ];
  for (const [what, request, status, message] of bad) {
    it(`refuses ${what}: ${status}`, async () => {
      const headers = { 'content-type': 'application/json', ...(request.headers as object) };
      const answer = await server.app.inject({ method: 'POST', url: `${MODEL}/infer`, ...request, headers });
      assert.equal(answer.statusCode, status, answer.body);
      const body = answer.json<{ error: string }>();
      assert.deepEqual(Object.keys(body), ['error']);
      assert.match(body.error, message);
    });
  }
});
