import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

import { EmotionRecognizer } from '../../lib/index.js';
import { clipResult, errorResult } from '../../lib/server/schemas/results.js';
import { fixture } from '../support/paths.js';
import { eventsOf, form, type TestServer, testServer } from '../support/server.js';

const speech = readFileSync(fixture('speech.wav'));
const audio = { 'content-type': 'audio/wav' };

describe('POST /api/recognize', () => {
  let server: TestServer;
  before(async () => (server = await testServer()));
  after(() => server[Symbol.asyncDispose]());
  const post = (request: {
    payload: Buffer | string;
    headers?: Record<string, string>;
    query?: Record<string, string>;
  }) => server.app.inject({ method: 'POST', url: '/api/recognize', ...request });

  it('answers a form with the result of the library', async () => {
    const answer = await post(form({ filename: 'speech.wav', content: speech }));
    assert.equal(answer.statusCode, 200, answer.body);
    const result = clipResult.strict().parse(answer.json());
    await using recognizer = new EmotionRecognizer();
    const { emotion, scores, duration } = await recognizer.recognize(fixture('speech.wav'));
    assert.deepEqual(
      { file: result.file, emotion: result.emotion, scores: result.scores, duration: result.duration },
      { file: 'speech.wav', emotion, scores, duration },
    );
  });

  it('accepts the bytes of a file, with options in the query', async () => {
    const query = {
      granularity: 'frame',
      timeline_window: '2',
      timeline_hop: '1',
      embedding: 'true',
      name: 'talk.mp3',
    };
    const payload = readFileSync(fixture('speech.mp3'));
    const answer = await post({ payload, headers: { 'content-type': 'audio/mpeg' }, query });
    const result = clipResult.strict().parse(answer.json());
    assert.equal(result.file, 'talk.mp3');
    assert.deepEqual([result.frames![1]!.start, result.frames![0]!.end], [1, 2]);
    assert.ok(result.segments!.length > 0);
    assert.equal(result.embedding, undefined, 'embeddings of frames are only in the .npy file');
    assert.equal(result.embeddingShape!.length, 2);
  });

  it('accepts a file without a name by its type', async () => {
    const answer = await post(form({ type: 'audio/wav', content: speech }));
    assert.equal(clipResult.parse(answer.json()).file, 'recording');
  });

  it('prefers fields of the form to the query', async () => {
    const parts = form(
      { name: 'granularity', content: 'utterance' },
      { filename: 'a.wav', content: speech },
      { name: 'embedding', content: 'on' },
    );
    const result = clipResult.parse((await post({ ...parts, query: { granularity: 'frame' } })).json());
    assert.equal(result.frames, undefined);
    assert.equal(result.embedding!.length, result.embeddingShape![0]);
  });

  it('sends progress and the result as events', async () => {
    await server.recognizer.unload();
    const { payload, headers } = form({ filename: 'speech.wav', content: speech });
    const answer = await post({ payload, headers: { ...headers, accept: 'text/event-stream' } });
    assert.equal(answer.headers['content-type'], 'text/event-stream');
    const events = eventsOf(answer.body);
    const stages = events.filter(({ event }) => event === 'progress').map(({ data }) => data['stage']);
    assert.deepEqual([stages[0], stages.at(-1)], ['loading', 'running']);
    assert.equal(events.at(-1)!.event, 'result');
    assert.equal(clipResult.parse(events.at(-1)!.data).file, 'speech.wav');
  });

  it('sends an error as an event, with its remedy', async () => {
    const { payload, headers } = form({ filename: 'text.wav', content: 'Hello' });
    const events = eventsOf((await post({ payload, headers: { ...headers, accept: 'text/event-stream' } })).body);
    const { error } = events.at(-1)!.data as { error: { code: string; message: string } };
    assert.deepEqual([events.at(-1)!.event, error.code], ['error', 'ERR_AUDIO_DECODE']);
    assert.match(error.message, /^text\.wav .*\. [A-Z].*\.$/);
  });

  it('keeps names in any script, without folders', async () => {
    const names: [string, string][] = [
      ['通话录音.wav', '通话录音.wav'],
      ['../../etc/passwd', 'passwd'],
      ['C:\\\\Users\\\\me\\\\call.wav', 'call.wav'],
      ['', 'recording'],
      ['a\u202egpj.wav', 'agpj.wav'],
      [`${'é'.repeat(300)}.wav`, 'é'.repeat(255)],
    ];
    for (const [filename, expected] of names) {
      const answer = await post(form({ filename, content: speech }));
      assert.equal(answer.json<{ file: string }>().file, expected);
    }
  });

  it('leaves no upload on the disk', async () => {
    const large = readFileSync(fixture('speech-f64.wav')); // on the disk
    assert.equal((await post(form({ filename: 'large.wav', content: large }))).statusCode, 200);
    assert.match((await server.app.inject('/metrics')).body, /^emotion2vec_upload_bytes 0$/m);
    const folder = readdirSync(server.output).find((name) => name.startsWith('uploads-'))!;
    assert.deepEqual(readdirSync(path.join(server.output, folder)), []);
  });

  it('keeps nothing with keep: false', async () => {
    await using forgetful = await testServer({ keep: false });
    const answer = await forgetful.app.inject({
      method: 'POST',
      url: '/api/recognize',
      headers: audio,
      payload: speech,
    });
    const result = clipResult.strict().parse(answer.json());
    assert.deepEqual([result.id, result.links], [null, undefined]);
    assert.deepEqual(
      readdirSync(forgetful.output).filter((name) => !name.startsWith('uploads-')),
      [],
    );
    const list = await forgetful.app.inject('/api/results');
    assert.deepEqual(list.json(), { results: [], next: null });
    const ID = '20260101T000000000Z-000000000000';
    for (const [method, url] of [
      ['GET', `/api/results/${ID}`],
      ['DELETE', `/api/results/${ID}`],
      ['GET', `/api/batch/${ID}/csv`],
    ] as const) {
      const { statusCode, body } = await forgetful.app.inject({ method, url });
      assert.deepEqual(
        [statusCode, errorResult.parse(JSON.parse(body)).error.code],
        [404, 'ERR_RESULT_NOT_FOUND'],
        url,
      );
    }
  });
});
