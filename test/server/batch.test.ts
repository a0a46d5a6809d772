import assert from 'node:assert/strict';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import yauzl, { type Entry } from 'yauzl';

import { batchResult, batchSummary } from '../../lib/server/schemas/results.js';
import { fixture } from '../support/paths.js';
import { eventsOf, form, type Part, type TestServer, testServer } from '../support/server.js';

const part = (name: string, filename = name): Part => ({ filename, content: readFileSync(fixture(name)) });
const FILES = [part('speech.wav'), part('text.wav'), part('speech.mp3', '=1+1,2.mp3'), part('speech.wav')];

describe('POST /api/batch', () => {
  let server: TestServer;
  before(async () => (server = await testServer()));
  after(() => server[Symbol.asyncDispose]());
  const post = (parts: readonly Part[], headers: Record<string, string> = {}) => {
    const { payload, headers: type } = form(...parts);
    return server.app.inject({ method: 'POST', url: '/api/batch', payload, headers: { ...type, ...headers } });
  };

  it('answers in the order of the files, and a failure does not stop the others', async () => {
    const answer = await post([{ name: 'embedding', content: '1' }, ...FILES]);
    const batch = batchResult.strict().parse(answer.json());
    assert.deepEqual([batch.done, batch.failed], [3, 1]);
    assert.deepEqual(
      batch.results.map(({ file }) => file),
      ['speech.wav', 'text.wav', '=1+1,2.mp3', 'speech.wav'],
    );
    const [first, second] = batch.results;
    assert.ok('batch' in first! && first.batch === batch.id);
    assert.ok('error' in second! && second.error.code === 'ERR_AUDIO_DECODE');
  });

  it('sends events about each file', async () => {
    const events = eventsOf((await post(FILES, { accept: 'text/event-stream' })).body);
    const of = (name: string) => events.filter(({ event }) => event === name).map(({ data }) => data);
    assert.deepEqual(
      of('file').map(({ index, file }) => [index, file]),
      FILES.map(({ filename }, index) => [index, filename]),
    );
    assert.deepEqual(new Set(of('result').map(({ index }) => index)), new Set([0, 2, 3]));
    assert.deepEqual(
      of('failure').map(({ index, file }) => [index, file]),
      [[1, 'text.wav']],
    );
    const stages = of('progress').filter(({ index }) => index === 0);
    assert.deepEqual([stages[0]!['stage'], stages.at(-1)!['stage']], ['decoding', 'running']);
    const { event, data } = events.at(-1)!;
    assert.equal(event, 'done');
    assert.deepEqual([batchSummary.strict().parse(data).done, data['failed']], [3, 1]);
  });

  it('sends an error of the form as the last event', async () => {
    const events = eventsOf((await post([], { accept: 'text/event-stream' })).body);
    assert.deepEqual(
      events.map(({ event, data }) => [event, (data['error'] as { code: string }).code]),
      [['error', 'ERR_BAD_REQUEST']],
    );
  });

  it('can be downloaded as CSV, NDJSON and ZIP', async () => {
    const { links } = batchResult.parse((await post([{ name: 'embedding', content: '1' }, ...FILES])).json());
    const csv = await server.app.inject(links!.csv);
    assert.match(csv.headers['content-disposition'] as string, /^attachment; filename="emotions-.*\.csv"$/);
    const rows = csv.body.trim().split('\n');
    assert.match(rows[0]!, /^file,start,end,emotion,confidence,angry,.*,error$/);
    assert.match(rows[1]!, /^speech\.wav,0,3\.05/);
    assert.match(rows[2]!, /^text\.wav,,,.*,ERR_AUDIO_DECODE$/);
    assert.match(rows[3]!, /^"'=1\+1,2\.mp3",0,/, 'spreadsheets do not take the name for a formula');
    const lines = (await server.app.inject(links!.ndjson)).body.trim().split('\n');
    const parsed = lines.map((line) => JSON.parse(line) as { file: string; emotion?: string; error?: unknown });
    assert.deepEqual(
      parsed.map(({ file, emotion, error }) => [file, emotion !== undefined, error !== undefined]),
      [
        ['speech.wav', true, false],
        ['text.wav', false, true],
        ['=1+1,2.mp3', true, false],
        ['speech.wav', true, false],
      ],
    );
    const zip = await yauzl.fromBufferPromise((await server.app.inject(links!.zip)).rawPayload);
    const entries = new Map<string, string>();
    for await (const entry of zip.eachEntry() as AsyncIterable<Entry>) {
      entries.set(entry.fileName, await text(await zip.openReadStreamPromise(entry)));
    }
    const files = ['embedding.npy', 'processed_audio.wav', 'result.json'];
    assert.deepEqual(
      [...entries.keys()].sort(),
      [
        ...['_1_1_2.mp3', 'speech.wav', 'speech.wav-2'].flatMap((folder) => files.map((f) => `${folder}/${f}`)),
        'results.csv',
      ].sort(),
    );
    assert.equal(entries.get('results.csv'), csv.body);
    assert.equal((JSON.parse(entries.get('speech.wav/result.json')!) as { file: string }).file, 'speech.wav');
  });

  for (const accept of ['text/event-stream', 'application/json']) {
    it(`answers with the results if they cannot be stored (${accept})`, async () => {
      await using full = await testServer();
      const recognize = full.recognizer.recognize.bind(full.recognizer);
      full.recognizer.recognize = async (...call) => {
        const result = await recognize(...call);
        rmSync(full.output, { recursive: true, force: true });
        writeFileSync(full.output, ''); // a file in the place of the folder: nothing can be written below it
        return result;
      };
      const { payload, headers } = form(part('speech.wav'));
      const url = '/api/batch';
      const answer = await full.app.inject({ method: 'POST', url, payload, headers: { ...headers, accept } });
      assert.equal(answer.statusCode, 200);
      if (accept === 'application/json') {
        const { id, results } = batchResult.parse(answer.json());
        assert.deepEqual([id, results.map((each) => 'emotion' in each)], [null, [true]]);
      } else {
        const events = eventsOf(answer.body).slice(-2);
        assert.deepEqual(
          events.map(({ event }) => event),
          ['result', 'done'],
        );
        assert.equal((events[1]!.data as { id: string | null }).id, null);
      }
    });
  }

  it('names results that are no longer kept', async () => {
    const { results, links } = batchResult.parse((await post(FILES)).json());
    await server.app.inject({ method: 'DELETE', url: `/api/results/${(results[0] as { id: string }).id}` });
    assert.match((await server.app.inject(links!.csv)).body, /^speech\.wav,,.*,ERR_RESULT_NOT_FOUND$/m);
  });
});
