import assert from 'node:assert/strict';
import { Readable } from 'node:stream';

import { EmotionError, EmotionRecognizer, type RecognizeStreamOptions } from '../../lib/index.js';
import { type AudioChunk, type StreamWindow, type WindowOptions, windowsOf } from '../../lib/recognition/stream.js';
import { settled } from '../support/fake-runner.js';
import { clip } from '../support/tiny.js';

const options: WindowOptions = {
  sampleRate: 1000,
  window: 3,
  hop: 1,
  encoding: 's16le',
  whenBehind: 'wait',
};
const ramp = (from: number, to: number) => Float32Array.from({ length: to - from }, (_, i) => (from + i) / 1e6);
const spans = (windows: StreamWindow[]) => windows.map(({ start, end }) => [start, end]);
async function collect(chunks: Iterable<AudioChunk>, more: Partial<WindowOptions> = {}): Promise<StreamWindow[]> {
  const windows: StreamWindow[] = [];
  for await (const window of windowsOf(chunks, { ...options, ...more })) windows.push(window);
  return windows;
}
/** The stream's samples from 0 to `size` in chunks of `step`. */
function* chunked(size: number, step: number) {
  for (let at = 0; at < size; at += step) yield ramp(at, Math.min(size, at + step));
}

describe('windows of a stream', () => {
  for (const step of [1, 7, 999, 1000, 2500, 100_000]) {
    it(`are the same whatever the chunks: ${step} samples each`, async () => {
      const windows = await collect(chunked(6500, step));
      assert.deepEqual(spans(windows), [
        [0, 3],
        [1, 4],
        [2, 5],
        [3, 6],
        [3.5, 6.5],
      ]);
      for (const { start, pcm } of windows) assert.deepEqual(pcm.samples, ramp(1000 * start, 1000 * start + 3000));
    });
  }

  it('is a single window for a stream shorter than a window, and none for an empty one', async () => {
    assert.deepEqual(spans(await collect([ramp(0, 700)])), [[0, 0.7]]);
    assert.deepEqual(await collect([]), []);
    assert.deepEqual(spans(await collect([ramp(0, 3000)])), [[0, 3]], 'no window twice');
  });

  it('reads bytes that split in the middle of a sample', async () => {
    const samples = Int16Array.from({ length: 3000 }, (_, i) => (i % 2 ? -i : i));
    const bytes = Buffer.from(samples.buffer);
    const expected = Float32Array.from(samples, (sample) => sample / 32768);
    const [whole] = await collect([samples]);
    assert.deepEqual(whole!.pcm.samples, expected);
    const [split] = await collect([bytes.subarray(0, 1), bytes.subarray(1, 1002), bytes.subarray(1002)]);
    assert.deepEqual(split!.pcm.samples, expected);
    const floats = Buffer.from(expected.buffer);
    const [float] = await collect([floats.subarray(0, 4001), floats.subarray(4001)], { encoding: 'f32le' });
    assert.deepEqual(float!.pcm.samples, expected);
  });

  it('waits for its consumer, or skips late windows', async () => {
    for (const whenBehind of ['wait', 'skip'] as const) {
      let read = 0;
      async function* source() {
        for (const chunk of chunked(10_000, 500)) {
          read += chunk.length;
          yield chunk;
          await settled();
        }
      }
      const windows = windowsOf(source(), { ...options, whenBehind });
      const first = (await windows.next()).value!;
      for (let i = 0; i < 50; i++) await settled();
      assert.deepEqual([first.start, first.end, first.skipped], [0, 3, 0]);
      assert.equal(read, whenBehind === 'wait' ? 4000 : 10_000);
      const second = (await windows.next()).value!;
      if (whenBehind === 'wait') assert.deepEqual([second.start, second.skipped], [1, 0]);
      else assert.deepEqual([second.start, second.end, second.skipped], [7, 10, 6]);
      await windows.return();
    }
  });

  it('describes what is wrong with a chunk', async () => {
    const text = collect(['text' as never]);
    await assert.rejects(text, { name: 'TypeError', message: /Float32Array/ });
    for (const wrong of ['call.wav', Buffer.from('RIFF'), 7, null, undefined]) {
      await assert.rejects(collect(wrong as never), TypeError);
    }
    const nan = collect([ramp(0, 100), Float32Array.of(0, NaN)]);
    await assert.rejects(nan, (error: unknown) => {
      assert.ok(error instanceof EmotionError && error.code === 'ERR_AUDIO_NOT_FINITE', String(error));
      assert.match(error.message, /sample 101/);
      return true;
    });
  });

  it('throws the error of the source after the windows before it, and ends at once when aborted', async () => {
    function* breaks() {
      yield ramp(0, 3000);
      throw new Error('the line broke');
    }
    const windows = windowsOf(breaks(), options);
    assert.equal((await windows.next()).value!.end, 3);
    await assert.rejects(windows.next(), /the line broke/);

    const controller = new AbortController();
    const silent = new Readable({ read() {} });
    const waiting = windowsOf(silent, { ...options, signal: controller.signal }).next();
    await settled();
    controller.abort(new Error('hung up'));
    await assert.rejects(waiting, /hung up/);
  });
});

describe('recognizeStream', () => {
  let recognizer: EmotionRecognizer;
  before(() => (recognizer = new EmotionRecognizer()));
  after(() => recognizer.close());

  it('infers each window as a clip of its own', async () => {
    const samples = clip(3, 16000 * 5);
    const stream = Readable.from([0, 1, 2, 3, 4].map((s) => samples.subarray(16000 * s, 16000 * (s + 1))));
    let count = 0;
    const streamOptions = { sampleRate: 16000, window: 2, hop: 1.5, embedding: true };
    for await (const { start, end, scores, embedding } of recognizer.recognizeStream(stream, streamOptions)) {
      const part = { samples: samples.slice(16000 * start, 16000 * end), sampleRate: 16000 };
      const alone = await recognizer.recognize(part, { embedding: true });
      assert.deepEqual([scores, embedding], [alone.scores, alone.embedding]);
      count++;
    }
    assert.equal(count, 3);
  });

  it('returns logits, and names the stream in its errors', async () => {
    const streamOptions: RecognizeStreamOptions = { sampleRate: 16000, logits: true, name: 'the microphone' };
    for await (const { logits } of recognizer.recognizeStream([clip(3, 16000)], streamOptions)) {
      assert.ok(logits instanceof Float32Array && logits.length > 0);
    }
    const short = recognizer.recognizeStream([clip(3, 10)], streamOptions).next();
    await assert.rejects(short, { code: 'ERR_AUDIO_TOO_SHORT', message: /^the microphone / });
  });

  it('throws a TypeError that names an invalid option', async () => {
    const take = async (wrong: object) => {
      for await (const window of recognizer.recognizeStream([], wrong as never)) assert.fail(window.emotion);
    };
    await assert.rejects(take({}), { name: 'TypeError', message: /sampleRate/ });
    await assert.rejects(take({ sampleRate: 16000, window: 1, hop: 2 }), {
      name: 'TypeError',
      message: /\bhop\b.*\bwindow\b/,
    });
    await assert.rejects(take({ sampleRate: 16000, granularity: 'frame' }), {
      name: 'TypeError',
      message: /granularity/,
    });
  });
});
