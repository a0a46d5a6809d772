import assert from 'node:assert/strict';
import { Blob } from 'node:buffer';
import { getEventListeners } from 'node:events';
import { createReadStream, readFileSync } from 'node:fs';
import { PassThrough, Readable } from 'node:stream';
import { ReadableStream } from 'node:stream/web';
import { setTimeout as sleep } from 'node:timers/promises';

import type { DecodeOptions } from '../../lib/audio/decode.js';
import { type AudioInput, EmotionRecognizer } from '../../lib/index.js';
import { decode as decodePcm } from '../support/decode.js';
import { fixture } from '../support/paths.js';

const SPEECH = fixture('speech.mp3');
const bytes = readFileSync(SPEECH);

/** Decodes a clip. Returns its number of samples. */
async function decode(input: unknown, options?: DecodeOptions): Promise<number> {
  return (await decodePcm(input, options)).samples.length;
}

/** An iterator that counts its calls. */
class Counting implements AsyncIterableIterator<Uint8Array> {
  asked = 0;
  returned = 0;
  constructor(readonly chunk: (index: number) => Promise<Uint8Array | undefined> | Uint8Array | undefined) {}
  [Symbol.asyncIterator](): this {
    return this;
  }
  async next(): Promise<IteratorResult<Uint8Array>> {
    const value = await this.chunk(this.asked++);
    return value === undefined ? { done: true, value } : { done: false, value };
  }
  async return(): Promise<IteratorResult<Uint8Array>> {
    this.returned++;
    return Promise.resolve({ done: true, value: undefined });
  }
}

const never = () => new Promise<never>(() => undefined);

describe('streams as inputs', () => {
  it('are read chunk by chunk to their end, and not returned after it', async () => {
    let open = 0;
    const source = new Counting(async (index) => {
      assert.equal(open++, 0, 'requested a chunk while another was pending');
      await sleep(1);
      open--;
      return index < 5 ? bytes.subarray(index * 4000, index === 4 ? undefined : (index + 1) * 4000) : undefined;
    });
    assert.equal(await decode(source), await decode(SPEECH));
    assert.deepEqual([source.asked, source.returned], [6, 0]);
  });

  it('are consumed: a second call does not get the rest', async () => {
    const made: (() => unknown)[] = [
      () => createReadStream(SPEECH),
      () => new Blob([bytes]).stream(),
      () => [bytes].values(),
      () => new Counting((index) => (index === 0 ? bytes : undefined)),
    ];
    for (const make of made) {
      const stream = make();
      const first = decode(stream);
      await assert.rejects(decode(stream), TypeError);
      assert.ok((await first) > 0);
      await assert.rejects(decode(stream), TypeError);
    }
    const chunks = [bytes];
    assert.equal(await decode(chunks), await decode(chunks));
  });

  it('that were read, closed or locked elsewhere are rejected', async () => {
    const read = createReadStream(SPEECH);
    await read.toArray();
    const closed = createReadStream(SPEECH).destroy();
    const locked = new Blob([bytes]).stream();
    locked.getReader();
    const drained = new Blob([bytes]).stream();
    for await (const _ of drained);
    for (const stream of [read, closed, locked, drained]) await assert.rejects(decode(stream), TypeError);
  });

  it('that fail reject the call with their error as the cause', async () => {
    const cause = new Error('the line went dead');
    const broken: [string, () => unknown][] = [
      [
        'Node',
        () =>
          new Readable({
            read() {
              this.push(bytes.subarray(0, 100));
              this.destroy(cause);
            },
          }),
      ],
      [
        'web',
        () => {
          let pulls = 0;
          return new ReadableStream({
            pull: (c) => (pulls++ === 0 ? c.enqueue(bytes.subarray(0, 100)) : c.error(cause)),
          });
        },
      ],
      [
        'generator',
        async function* () {
          yield bytes.subarray(0, 100);
          await sleep(1);
          throw cause;
        },
      ],
      [
        'iterator',
        () => ({
          [Symbol.asyncIterator]: () => ({
            next: () => {
              throw cause;
            },
          }),
        }),
      ],
      ['before the call', () => new Readable({ read() {} }).on('error', () => undefined).destroy(cause)],
      ['Blob', () => Object.assign(new Blob([bytes]), { arrayBuffer: () => Promise.reject(cause) })],
      [
        'Blob, at once',
        () =>
          Object.assign(new Blob([bytes]), {
            arrayBuffer: () => {
              throw cause;
            },
          }),
      ],
    ];
    for (const [name, make] of broken) {
      const made = make();
      const input = typeof made === 'function' ? (made as () => unknown)() : made;
      await assert.rejects(decode(input), (error: Error & { code: string }) => {
        assert.deepEqual([error.code, error.cause], ['ERR_FILE_READ', cause], name);
        return true;
      });
    }
  });

  it('that fail with a TypeError, such as a failed fetch, reject the call with ERR_FILE_READ', async () => {
    const terminated = new TypeError('terminated');
    const body = new ReadableStream({ pull: (controller) => controller.error(terminated) });
    await assert.rejects(decode(body), { code: 'ERR_FILE_READ', cause: terminated });
  });

  it('of missing files reject the call with ERR_FILE_NOT_FOUND, and do not end the process', async () => {
    await assert.rejects(decode(createReadStream('/nowhere.wav')), { code: 'ERR_FILE_NOT_FOUND' });
    const early = createReadStream('/nowhere.wav');
    const call = decode(early, {});
    await assert.rejects(call, { code: 'ERR_FILE_NOT_FOUND' });
  });

  it('are stopped once when the call is aborted, also while they are pending', async () => {
    const waiting = new Counting(never);
    const node = new PassThrough();
    let cancelled = 0;
    const web = new ReadableStream({ pull: never, cancel: () => void cancelled++ });
    for (const input of [waiting, node, web]) {
      const controller = new AbortController();
      const call = decode(input, { signal: controller.signal });
      await sleep(5);
      controller.abort(new Error('enough'));
      await assert.rejects(call, /enough/);
      assert.deepEqual(getEventListeners(controller.signal, 'abort').length, 0);
    }
    assert.deepEqual([waiting.returned, node.destroyed, cancelled], [1, true, 1]);
  });

  it('are stopped if their chunks are not bytes, or if they are too long', async () => {
    const wrong = new Counting(() => 'text' as never);
    await assert.rejects(decode(wrong), TypeError);
    assert.equal(wrong.returned, 1);
    const endless = () => new Counting(() => new Uint8Array(100_000));
    for (const maxBytes of [1, 1_000_000]) {
      const source = endless();
      await assert.rejects(decode(source, { maxBytes }), { code: 'ERR_AUDIO_TOO_LONG', message: /maxBytes/ });
      assert.deepEqual([source.asked, source.returned], [Math.floor(maxBytes / 100_000) + 1, 1]);
    }
    await assert.rejects(decode(new Blob([bytes]), { maxBytes: 100 }), { code: 'ERR_AUDIO_TOO_LONG' });
    assert.ok((await decode([bytes], { maxBytes: bytes.length })) > 0);
  });

  it('without an end do not block the event loop', async () => {
    const empty = new Uint8Array(0);
    const all = { [Symbol.iterator]: () => ({ next: () => ({ done: false, value: empty }) }) };
    const later = { [Symbol.asyncIterator]: () => ({ next: () => Promise.resolve({ done: false, value: empty }) }) };
    for (const endless of [all, later]) {
      const signal = AbortSignal.timeout(100);
      await assert.rejects(decode(endless, { signal }), { name: 'TimeoutError' });
    }
  });

  describe('of a recognizer', () => {
    let recognizer: EmotionRecognizer;
    before(() => (recognizer = new EmotionRecognizer()));
    after(() => recognizer.close());

    it('result in the scores of their file', async () => {
      const inputs = [
        SPEECH,
        createReadStream(SPEECH),
        new Blob([bytes]),
        new Blob([bytes]).stream(),
        [bytes],
      ] as const;
      const results = await Promise.all(inputs.map((input) => recognizer.recognize(input as AudioInput)));
      for (const { scores } of results) assert.deepEqual(scores, results[0]!.scores);
    });

    it('are destroyed by calls that end before they read them', async () => {
      const stream = () => createReadStream(SPEECH);
      const [aborted, late, broken] = [stream(), stream(), stream()];
      await assert.rejects(recognizer.recognize(aborted, { signal: AbortSignal.abort(new Error('no')) }), /no/);
      const nothing = new EmotionRecognizer({ model: '/nowhere.pt' });
      await assert.rejects(nothing.recognize(broken), { code: 'ERR_MODEL_NOT_FOUND' });
      const full = new EmotionRecognizer({ maxQueue: 1 });
      const first = full.recognize(new Counting(never));
      await assert.rejects(full.recognize(late), { code: 'ERR_QUEUE_FULL' });
      await Promise.all([full.close(), assert.rejects(first, { code: 'ERR_CLOSED' })]);
      assert.deepEqual([aborted.destroyed, broken.destroyed, late.destroyed], [true, true, true]);
    });

    it('are stopped when the call times out', async () => {
      const source = new Counting(never);
      await assert.rejects(recognizer.recognize(source, { timeoutMs: 50 }), { code: 'ERR_TIMEOUT' });
      assert.equal(source.returned, 1);
    });

    it('are opened one after another by recognizeMany, and remaining ones are not opened', async () => {
      let opened = 0;
      const inputs = Array.from({ length: 50 }, () => ({
        async *[Symbol.asyncIterator]() {
          opened++;
          yield await Promise.resolve(bytes);
        },
      }));
      for await (const { result } of recognizer.recognizeMany(inputs)) {
        assert.ok(result !== undefined);
        break;
      }
      assert.ok(opened < 25, `${opened} opened`);
    });

    it('do not affect other inputs if one fails', async () => {
      const gone = createReadStream('/nowhere.wav');
      const inputs: AudioInput[] = [SPEECH, gone, 'https://example.org/a.wav', [bytes], [Buffer.from('text')]];
      const codes: unknown[] = [];
      for await (const { error } of recognizer.recognizeMany(inputs)) codes.push((error as { code?: string })?.code);
      assert.deepEqual(codes, [undefined, 'ERR_FILE_NOT_FOUND', 'ERR_FILE_NOT_FOUND', undefined, 'ERR_AUDIO_DECODE']);
    });
  });
});
