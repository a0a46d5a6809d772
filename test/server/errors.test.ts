import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import type { InjectOptions } from 'fastify';

import { errorResult } from '../../lib/server/schemas/results.js';
import { fixture } from '../support/paths.js';
import { form, type TestServer, testServer } from '../support/server.js';

const speech = readFileSync(fixture('speech.wav'));
const ID = '20260101T000000000Z-000000000000';
const recognize = (more: InjectOptions): InjectOptions => ({ method: 'POST', url: '/api/recognize', ...more });
const body = (payload: Buffer | string, type = 'audio/wav', query = {}): InjectOptions =>
  recognize({ payload, headers: { 'content-type': type }, query });
/** A silent WAV file. */
function silence(seconds: number): Buffer {
  const wav = Buffer.concat([speech.subarray(0, 44), Buffer.alloc(2 * Math.round(16000 * seconds))]);
  wav.writeUInt32LE(wav.length - 44, 40);
  return wav;
}
const fixtureForm = (name: string): InjectOptions =>
  recognize(form({ filename: name, content: readFileSync(fixture(name)) }));

describe('errors over HTTP', () => {
  let server: TestServer;
  before(async () => (server = await testServer({ maxUploadBytes: 150_000, maxDuration: 4, maxFiles: 2 })));
  after(() => server[Symbol.asyncDispose]());

  const bad: [what: string, request: InjectOptions, status: number, code: string, message: RegExp][] = [
    [
      'a form without a file',
      recognize(form({ name: 'embedding', content: 'true' })),
      400,
      'ERR_BAD_REQUEST',
      /no file/,
    ],
    [
      'a form with two files',
      recognize(form({ filename: 'a.wav', content: speech }, { filename: 'b.wav', content: speech })),
      400,
      'ERR_BAD_REQUEST',
      /more than one file/,
    ],
    [
      'a form that is cut off',
      recognize({
        ...form({ filename: 'a.wav', content: speech }),
        payload: form({ filename: 'a.wav', content: speech }).payload.subarray(0, 9000),
      }),
      400,
      'ERR_BAD_REQUEST',
      /end/i,
    ],
    [
      'a form without its boundary',
      recognize({ payload: 'x', headers: { 'content-type': 'multipart/form-data' } }),
      400,
      'ERR_BAD_REQUEST',
      /boundary/i,
    ],
    [
      'an option with an invalid value',
      body(speech, 'audio/wav', { granularity: 'word' }),
      400,
      'ERR_BAD_REQUEST',
      /query is not valid: granularity/,
    ],
    ['an unknown option', body(speech, 'audio/wav', { granulariy: 'frame' }), 400, 'ERR_BAD_REQUEST', /granulariy/],
    [
      'an unknown field',
      recognize(form({ name: 'timeline-hop', content: '1' }, { filename: 'a.wav', content: speech })),
      400,
      'ERR_BAD_REQUEST',
      /timeline-hop/,
    ],
    [
      'a field of a batch after the last file',
      {
        method: 'POST',
        url: '/api/batch',
        ...form({ filename: 'a.wav', content: speech }, { name: 'granularity', content: 'frame' }),
      },
      400,
      'ERR_BAD_REQUEST',
      /granularity/,
    ],
    ['a window of length 0', body(speech, 'audio/wav', { window: '0' }), 400, 'ERR_BAD_REQUEST', /window/],
    [
      'a field with an invalid value',
      recognize(form({ name: 'timeline_hop', content: 'often' }, { filename: 'a.wav', content: speech })),
      400,
      'ERR_BAD_REQUEST',
      /timeline_hop/,
    ],
    [
      'a field that is too long',
      recognize(form({ name: 'window', content: '9'.repeat(5000) }, { filename: 'a.wav', content: speech })),
      400,
      'ERR_BAD_REQUEST',
      /window/,
    ],
    [
      'a form with too many fields',
      recognize(
        form(...Array.from({ length: 33 }, (_, i) => ({ name: `field${i}`, content: '' })), {
          filename: 'a.wav',
          content: speech,
        }),
      ),
      400,
      'ERR_BAD_REQUEST',
      /\b32\b/,
    ],
    [
      'a body that is compressed',
      recognize({ payload: speech, headers: { 'content-type': 'audio/wav', 'content-encoding': 'gzip' } }),
      415,
      'ERR_UNSUPPORTED_TYPE',
      /Content-Encoding gzip/,
    ],
    ['a body of JSON', body('{}', 'application/json'), 415, 'ERR_UNSUPPORTED_TYPE', /application\/json/],
    ['an image', body(speech, 'image/png'), 415, 'ERR_UNSUPPORTED_TYPE', /image\/png/],
    ['no body', recognize({}), 415, 'ERR_UNSUPPORTED_TYPE', /./],
    [
      'a text file in a form',
      recognize(form({ filename: 'a.txt', type: 'text/plain', content: 'a' })),
      415,
      'ERR_UNSUPPORTED_TYPE',
      /a\.txt.*text\/plain/,
    ],
    ['an empty body', body('', 'audio/wav'), 422, 'ERR_AUDIO_DECODE', /./],
    ['a text file named .wav', fixtureForm('text.wav'), 422, 'ERR_AUDIO_DECODE', /text\.wav/],
    ['a truncated header', fixtureForm('cut-header.wav'), 422, 'ERR_AUDIO_DECODE', /truncated/],
    ['no samples', fixtureForm('no-samples.wav'), 422, 'ERR_AUDIO_TOO_SHORT', /no-samples\.wav/],
    ['a recording of 6 ms', fixtureForm('short.wav'), 422, 'ERR_AUDIO_TOO_SHORT', /short\.wav/],
    ['samples that are not numbers', fixtureForm('nan.wav'), 422, 'ERR_AUDIO_NOT_FINITE', /nan\.wav/],
    ['a body that is too large', body(Buffer.alloc(150_001)), 413, 'ERR_UPLOAD_TOO_LARGE', /./],
    [
      'a file that is too large',
      recognize(form({ filename: 'a.wav', content: Buffer.alloc(150_001) })),
      413,
      'ERR_UPLOAD_TOO_LARGE',
      /a\.wav is larger/,
    ],
    ['a recording that is too long', body(silence(4.01)), 413, 'ERR_AUDIO_TOO_LONG', /\b4 s\b/],
    [
      'a batch with too many files',
      {
        method: 'POST',
        url: '/api/batch',
        ...form(...['a', 'b', 'c'].map((filename) => ({ filename, content: speech }))),
      },
      400,
      'ERR_BAD_REQUEST',
      /more than 2 files/,
    ],
    ['a batch that is not a form', { ...body(speech), url: '/api/batch' }, 415, 'ERR_UNSUPPORTED_TYPE', /./],
    ['an unknown path', { url: '/api/emotions' }, 404, 'ERR_NOT_FOUND', /no GET \/api\/emotions/],
    ['an unsupported method', { method: 'PUT', url: '/api/recognize' }, 404, 'ERR_NOT_FOUND', /no PUT/],
    ['a path with an invalid escape', { url: '/api/results/%zz' }, 400, 'ERR_BAD_REQUEST', /./],
    ['an invalid id', { url: '/api/results/1' }, 400, 'ERR_BAD_REQUEST', /\bid\b/],
    ['a path out of the folder', { url: '/api/results/..%2f..%2fetc%2fpasswd' }, 400, 'ERR_BAD_REQUEST', /id/],
    ['a path out of a result', { url: `/api/results/${ID}/..%2f..%2fembedding.npy` }, 404, 'ERR_NOT_FOUND', /./],
    ['a missing result', { url: `/api/results/${ID}` }, 404, 'ERR_RESULT_NOT_FOUND', /deleted/],
    [
      'the embedding of a missing result',
      { url: `/api/results/${ID}/embedding.npy` },
      404,
      'ERR_RESULT_NOT_FOUND',
      /./,
    ],
    ['the peaks of a missing result', { url: `/api/results/${ID}/peaks` }, 404, 'ERR_RESULT_NOT_FOUND', /./],
    ['deleting a missing result', { method: 'DELETE', url: `/api/results/${ID}` }, 404, 'ERR_RESULT_NOT_FOUND', /./],
    ['a missing batch', { url: `/api/batch/${ID}/csv` }, 404, 'ERR_RESULT_NOT_FOUND', /./],
    ['a batch in an unknown format', { url: `/api/batch/${ID}/xml` }, 400, 'ERR_BAD_REQUEST', /format/],
    ['a list with too large a limit', { url: '/api/results?limit=100000' }, 400, 'ERR_BAD_REQUEST', /limit/],
    ['a list before an invalid id', { url: '/api/results?before=yesterday' }, 400, 'ERR_BAD_REQUEST', /before/],
  ];
  for (const [what, request, status, code, message] of bad) {
    it(`${what}: ${status} ${code}`, async () => {
      const answer = await server.app.inject(request);
      assert.equal(answer.statusCode, status, answer.body);
      const { error, requestId } = errorResult.strict().parse(answer.json());
      assert.equal(error.code, code);
      assert.match(error.message, message);
      assert.match(error.message, /\. [A-Z].*[.)]$/, 'what happened, then the remedy');
      assert.equal(requestId, answer.headers['x-request-id']);
    });
  }

  it('a full queue: 503 with Retry-After', async () => {
    await using busy = await testServer({ recognizer: { maxQueue: 1 } });
    const answers = await Promise.all([1, 2, 3].map(() => busy.app.inject(body(speech))));
    const refused = answers.filter(({ statusCode }) => statusCode === 503);
    assert.equal(refused.length, 2);
    assert.equal(refused[0]!.headers['retry-after'], '1');
    assert.equal(refused[0]!.json<{ error: { code: string } }>().error.code, 'ERR_QUEUE_FULL');
    assert.match((await busy.app.inject('/metrics')).body, /emotion2vec_rejections_total\{reason="ERR_QUEUE_FULL"\} 2/);
  });

  it('a deadline that expires: 504', async () => {
    await using hasty = await testServer({ timeoutMs: 1 });
    const answer = await hasty.app.inject(body(speech));
    assert.deepEqual([answer.statusCode, answer.json<{ error: { code: string } }>().error.code], [504, 'ERR_TIMEOUT']);
  });

  it('a closed recognizer: 503', async () => {
    await using closed = await testServer();
    await closed.recognizer.close();
    const answer = await closed.app.inject(body(speech));
    assert.deepEqual([answer.statusCode, answer.json<{ error: { code: string } }>().error.code], [503, 'ERR_CLOSED']);
  });

  it('a late event loop: 503, except for health checks', async function () {
    this.timeout(20_000);
    // The delay is sampled once a second, so the loop is kept late until it was sampled.
    let answer = await server.app.inject(body(speech));
    for (const deadline = Date.now() + 10_000; answer.statusCode !== 503 && Date.now() < deadline;) {
      for (let i = 0; i < 4; i++) {
        for (const until = Date.now() + 400; Date.now() < until;);
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
      answer = await server.app.inject(body(speech));
    }
    assert.deepEqual([answer.statusCode, answer.json<{ error: { code: string } }>().error.code], [503, 'ERR_BUSY']);
    assert.equal(answer.headers['retry-after'], '1');
    assert.equal((await server.app.inject('/v2/health/live')).statusCode, 200);
    assert.equal((await server.app.inject('/metrics')).statusCode, 200);
  });

  it('an unexpected error is logged with its cause, and answered without it', async () => {
    await using broken = await testServer();
    broken.recognizer.status = () => {
      throw new Error('a secret path');
    };
    const answer = await broken.app.inject('/api/status');
    assert.equal(answer.statusCode, 500);
    assert.ok(!answer.body.includes('secret'));
    const { requestId } = answer.json<{ requestId: string }>();
    const entry = broken.logged.find(({ level, reqId }) => level === 50 && reqId === requestId)!;
    assert.match((entry['err'] as Error).message, /a secret path/);
  });
});
