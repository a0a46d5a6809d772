import assert from 'node:assert/strict';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Readable } from 'node:stream';

import { newId } from '../../lib/server/clip-id.js';
import { ResultStore } from '../../lib/server/result-store.js';
import { Retention } from '../../lib/server/retention.js';
import { clipResult, resultList } from '../../lib/server/schemas/results.js';
import { Spool } from '../../lib/server/spool.js';
import { fixture } from '../support/paths.js';
import { form, type TestServer, testServer } from '../support/server.js';

const speech = readFileSync(fixture('speech.wav'));
const headers = { 'content-type': 'audio/wav' };

describe('results over HTTP', () => {
  let server: TestServer;
  let ids: string[];
  before(async () => {
    server = await testServer();
    ids = [];
    for (let i = 0; i < 5; i++) {
      const query = { embedding: String(i === 0), name: `clip ${i}.wav` };
      const answer = await server.app.inject({
        method: 'POST',
        url: '/api/recognize',
        payload: speech,
        headers,
        query,
      });
      ids.push(answer.json<{ id: string }>().id);
    }
  });
  after(() => server[Symbol.asyncDispose]());

  it('are listed in pages, newest first', async () => {
    const first = resultList.strict().parse((await server.app.inject('/api/results?limit=3')).json());
    assert.deepEqual(
      first.results.map(({ id }) => id),
      ids.slice(2).reverse(),
    );
    const rest = resultList.parse((await server.app.inject(`/api/results?limit=3&before=${first.next}`)).json());
    assert.deepEqual(
      rest.results.map(({ id, hasEmbedding }) => [id, hasEmbedding]),
      [
        [ids[1], false],
        [ids[0], true],
      ],
    );
    assert.equal(rest.next, null);
  });

  it('can be read again, with their files', async () => {
    const result = clipResult.strict().parse((await server.app.inject(`/api/results/${ids[0]}`)).json());
    assert.equal(result.file, 'clip 0.wav');
    const npy = await server.app.inject(result.links!.embedding!);
    assert.equal(npy.headers['content-type'], 'application/octet-stream');
    assert.match(npy.rawPayload.toString('latin1', 0, 128), /^\x93NUMPY.*'descr': '<f4'.*'shape': \(192,\)/);
    const wav = await server.app.inject(result.links!.processedAudio!);
    assert.equal(wav.headers['content-type'], 'audio/wav');
    assert.equal(wav.rawPayload.length, 58 + 4 * 48874);
    assert.deepEqual(wav.rawPayload, readFileSync(path.join(server.output, ids[0]!, 'processed_audio.wav')));
    assert.equal((await server.app.inject(`/api/results/${ids[1]}/embedding.npy`)).statusCode, 404);
  });

  it('support range requests', async () => {
    const url = `/api/results/${ids[0]}/processed_audio.wav`;
    const part = await server.app.inject({ url, headers: { range: 'bytes=0-3' } });
    assert.deepEqual([part.statusCode, part.body], [206, 'RIFF']);
    assert.equal((await server.app.inject({ url, headers: { range: 'bytes=999999999-' } })).statusCode, 416);
  });

  it('are not cached by proxies, and revalidated by browsers', async () => {
    const url = `/api/results/${ids[0]}`;
    const sound = await server.app.inject(`${url}/processed_audio.wav`);
    assert.equal(sound.headers['cache-control'], 'private, no-cache');
    const again = await server.app.inject({
      url: `${url}/processed_audio.wav`,
      headers: { 'if-none-match': sound.headers.etag! },
    });
    assert.equal(again.statusCode, 304);
    assert.equal((await server.app.inject(url)).headers['cache-control'], 'no-store');
  });

  it('have peaks for a waveform', async () => {
    const url = `/api/results/${ids[0]}/peaks?count=10`;
    const { duration, peaks } = (await server.app.inject(url)).json<{
      duration: number;
      peaks: number[];
    }>();
    const samples = new Int16Array(speech.buffer.slice(speech.byteOffset + 44, speech.byteOffset + speech.length));
    const expected = Array.from({ length: 10 }, (_, i) => {
      const part = samples.subarray(Math.ceil((i * 48874) / 10), Math.ceil(((i + 1) * 48874) / 10));
      return Math.round((1000 * part.reduce((most, sample) => Math.max(most, Math.abs(sample)), 0)) / 32768) / 1000;
    });
    assert.equal(duration, 48874 / 16000);
    assert.deepEqual(peaks, expected);
  });

  it('can be deleted', async () => {
    const url = `/api/results/${ids[4]}`;
    const gone = await server.app.inject({ method: 'DELETE', url });
    assert.deepEqual([gone.statusCode, gone.body], [204, '']);
    assert.equal((await server.app.inject(url)).statusCode, 404);
    assert.ok(!readdirSync(server.output).some((name) => name.includes(ids[4]!)));
    const { results } = resultList.parse((await server.app.inject('/api/results')).json());
    assert.ok(!results.some(({ id }) => id === ids[4]));
  });

  it('are sent to the client even if the disk is full', async () => {
    await using full = await testServer();
    const real = full.recognizer.recognize.bind(full.recognizer);
    full.recognizer.recognize = async (...call) => {
      const result = await real(...call);
      rmSync(full.output, { recursive: true });
      writeFileSync(full.output, ''); // where nothing can be written below
      return result;
    };
    const post = (payload: Buffer) => full.app.inject({ method: 'POST', url: '/api/recognize', payload, headers });
    const first = await post(speech);
    assert.equal(first.statusCode, 200);
    const { id } = first.json<{ id: string }>();
    assert.equal(
      (await full.app.inject(`/api/results/${id}`)).statusCode,
      404,
      'the first answer is sent before the result is written',
    );
    const answer = await post(speech);
    assert.deepEqual([answer.statusCode, answer.json<{ id: unknown }>().id], [200, null], answer.body);
    assert.ok(full.logged.some(({ code, level }) => code === 'ERR_FILE_WRITE' && level === 50));
    const refused = await post(readFileSync(fixture('speech-f64.wav'))); // too large for memory
    assert.deepEqual(
      [refused.statusCode, refused.json<{ error: { code: string } }>().error.code],
      [507, 'ERR_FILE_WRITE'],
    );
    assert.ok(!refused.body.includes(full.output), 'the answer has no paths of the server');
  });
});

describe('an output folder that is removed', () => {
  it('is created again', async () => {
    await using server = await testServer();
    const [small, large] = [speech, readFileSync(fixture('speech-f64.wav'))]; // in memory, on the disk
    const post = async (payload: Buffer) => {
      const answer = await server.app.inject({ method: 'POST', url: '/api/recognize', payload, headers });
      assert.equal(answer.statusCode, 200, answer.body);
      return `/api/results/${answer.json<{ id: string }>().id}`;
    };
    const results = async () => resultList.parse((await server.app.inject('/api/results')).json()).results.length;
    await post(small);
    await post(large);
    for (const payload of [small, large]) {
      rmSync(server.output, { recursive: true });
      assert.equal(await results(), 0);
      assert.equal((await server.app.inject(await post(payload))).statusCode, 200);
      assert.equal(await results(), 1);
    }
    rmSync(server.output, { recursive: true });
    const batch = form({ filename: 'a.txt', type: 'text/plain', content: 'a' });
    const answer = await server.app.inject({ method: 'POST', url: '/api/batch', ...batch });
    const { links } = answer.json<{ links: { csv: string } }>();
    assert.equal((await server.app.inject(links.csv)).statusCode, 200);
  });
});

describe('retention', () => {
  let folder: string;
  let store: ResultStore;
  beforeEach(async () => {
    folder = mkdtempSync(path.join(tmpdir(), 'emotion2vec-keep-'));
    store = await ResultStore.open(folder);
  });
  afterEach(() => rmSync(folder, { recursive: true }));
  const fail = (error: unknown): void => assert.fail(String(error));
  const put = (age: number, bytes = 1000): string => {
    const id = newId(new Date(Date.now() - 1000 * age));
    mkdirSync(path.join(folder, id));
    writeFileSync(path.join(folder, id, 'processed_audio.wav'), Buffer.alloc(bytes));
    return id;
  };

  it('deletes results that are too old', async () => {
    put(3601);
    const young = put(3599);
    await new Retention(store, { seconds: 3600, bytes: null }, fail).sweep();
    assert.deepEqual(await store.ids(), [young]);
  });

  it('deletes the oldest results above the size limit', async () => {
    const [, second, third] = [put(30, 400_000), put(20, 400_000), put(10, 400_000)];
    await new Retention(store, { seconds: null, bytes: 1_000_000 }, fail).sweep();
    assert.deepEqual(await store.ids(), [second, third]);
  });

  it('sweeps while results are added', async () => {
    const retention = new Retention(store, { seconds: null, bytes: 1_000_000 }, fail);
    for (let i = 0; i < 10; i++) {
      put(10 - i, 400_000);
      retention.added(400_000);
      await retention.sweep();
    }
    assert.equal((await store.ids()).length, 2);
  });

  it('deletes leftovers of killed processes, and old batch lists', async () => {
    const [old, young] = [newId(new Date(Date.now() - 2 * 3_600_000)), newId()];
    for (const id of [old, young]) {
      mkdirSync(path.join(folder, `.part-${id}`));
      mkdirSync(path.join(folder, `.gone-${id}`));
      writeFileSync(path.join(folder, `${id}.batch.json`), '{}');
    }
    writeFileSync(path.join(folder, 'another file.txt'), '');
    await new Retention(store, { seconds: 3600, bytes: null }, fail).sweep();
    assert.deepEqual(
      readdirSync(folder).sort(),
      [`.gone-${young}`, `.part-${young}`, `${young}.batch.json`, 'another file.txt'].sort(),
    );
  });

  it('deletes uploads of a process that has ended', async () => {
    const [dead, alive] = ['uploads-999999999-00000000', `uploads-${process.pid}-00000000`];
    const recent = 'uploads-999999999-11111111'; // may belong to another container
    for (const name of [dead, alive, recent]) mkdirSync(path.join(folder, name));
    for (const name of [dead, alive]) utimesSync(path.join(folder, name), 0, 0);
    const spool = new Spool(folder, 2 ** 20);
    const take = (bytes: number) =>
      spool.receive(Readable.from([Buffer.alloc(bytes)]), 'a', new AbortController().signal);
    const [small, large] = [await take(10), await take(300_000)];
    assert.ok(small.source instanceof Uint8Array, 'small uploads stay in memory');
    for (const end = Date.now() + 10_000; existsSync(path.join(folder, dead));) {
      assert.ok(Date.now() < end, 'leftovers are deleted in the background');
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    const there = [dead, alive, recent].map((name) => existsSync(path.join(folder, name)));
    assert.deepEqual(there, [false, true, true]);
    assert.deepEqual([small.bytes, large.bytes, statSync(large.source as string).size], [10, 300_000, 300_000]);
    const many = await Promise.all(Array.from({ length: 80 }, () => take(250_000)));
    const held = many.filter(({ source }) => source instanceof Uint8Array).length;
    assert.ok(held > 60 && held < 70, `${held} of 250 kB in memory`);
    await Promise.all(many.map((upload) => upload.remove()));
    await Promise.all(many.map((upload) => upload.remove()));
    assert.ok((await take(250_000)).source instanceof Uint8Array, 'the memory is free again');
    await spool.close();
    assert.ok(!existsSync(large.source as string));
  });

  it('requires a writable folder from the start', async () => {
    writeFileSync(path.join(folder, 'file'), '');
    await assert.rejects(ResultStore.open(path.join(folder, 'file')), { code: 'ERR_FILE_WRITE' });
  });
});
