import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';

import { EmotionError, EmotionRecognizer } from '../../lib/index.js';
import { fixture } from '../support/paths.js';
import { runNode } from '../support/run.js';

const coded =
  (code: string, message = /./) =>
  (error: unknown) => {
    assert.ok(error instanceof EmotionError, String(error));
    assert.equal(error.code, code);
    assert.match(error.message, message);
    return true;
  };
const sum = (scores: Record<string, number>) => Object.values(scores).reduce((total, score) => total + score, 0);
const noise = (size: number, seed = 1) => {
  let state = seed;
  return Float32Array.from({ length: size }, () => (state = (state * 48271) % 2147483647) / 2147483647 - 0.5);
};

describe('EmotionRecognizer', () => {
  let recognizer: EmotionRecognizer;
  before(() => {
    recognizer = new EmotionRecognizer();
  });
  after(() => recognizer.close());

  it('recognizes a file', async () => {
    const result = await recognizer.recognize(fixture('speech.wav'));
    const best = Object.entries(result.scores).sort((a, b) => b[1] - a[1])[0]!;
    assert.deepEqual([result.emotion, result.confidence], best);
    assert.deepEqual(Object.keys(result.scores), ['angry', 'disgusted', 'fearful', 'happy', 'neutral', 'other', 'sad']);
    assert.ok(Math.abs(sum(result.scores) - 1) < 1e-9);
    assert.deepEqual(result.model, { name: 'small-en-de', precision: 'fp32', device: 'cpu' });
    assert.equal(result.duration, 48874 / 16000);
    assert.equal(result.granularity, 'utterance');
    assert.ok(!('frames' in result) && !('embedding' in result) && !('processedAudio' in result));
    const { decoder, ...spans } = result.timing;
    assert.equal(decoder, 'builtin');
    assert.ok(Object.values(spans).every((ms) => ms >= 0));
  });

  it('returns the same scores for a path, its bytes and its samples', async () => {
    const { processedAudio, scores } = await recognizer.recognize(fixture('speech.wav'), { processedAudio: true });
    assert.deepEqual((await recognizer.recognize(readFileSync(fixture('speech.wav')))).scores, scores);
    assert.deepEqual((await recognizer.recognize(processedAudio!)).scores, scores);
  });

  it('returns a timeline and embeddings', async () => {
    const whole = await recognizer.recognize(fixture('speech.wav'), { embedding: true });
    const result = await recognizer.recognize(fixture('speech.wav'), { granularity: 'frame', embedding: true });
    assert.deepEqual(whole.embeddingShape, [192]);
    assert.equal(whole.embedding!.length, 192);
    assert.deepEqual(result.embeddingShape, [Math.ceil((Math.floor((48874 - 400) / 160) + 1) / 4), 192]);
    assert.deepEqual(result.scores, whole.scores);
    assert.equal(result.frames![0]!.start, 0);
    assert.equal(result.frames!.at(-1)!.end, result.duration);
    for (const frame of result.frames!) {
      assert.ok(frame.end > frame.start && Math.abs(sum(frame.scores) - 1) < 1e-9);
      assert.equal(frame.scores[frame.emotion], Math.max(...Object.values(frame.scores)));
    }
  });

  it('accepts the shortest clip that the model supports, and no shorter one', async () => {
    const result = await recognizer.recognize({ samples: noise(400), sampleRate: 16000 }, { granularity: 'frame' });
    assert.deepEqual(
      result.frames!.map(({ start, end }) => [start, end]),
      [[0, 0.025]],
    );
    const short = recognizer.recognize({ samples: noise(399), sampleRate: 16000 });
    await assert.rejects(short, coded('ERR_AUDIO_TOO_SHORT', /24\.9 ms.*small-en-de.*25\.0 ms/));
  });

  it('is independent of gain', async () => {
    const clip = (await recognizer.recognize(fixture('speech.wav'), { processedAudio: true })).processedAudio!;
    const quiet = { ...clip, samples: clip.samples.map((sample) => sample / 50) };
    const [loudScores, quietScores] = [
      (await recognizer.recognize(clip)).scores,
      (await recognizer.recognize(quiet)).scores,
    ];
    for (const [label, score] of Object.entries(loudScores)) assert.ok(Math.abs(score - quietScores[label]!) < 0.01);
  });

  it('loads once for any number of concurrent first requests', async () => {
    const script = `
      const { EmotionRecognizer } = require('./dist');
      const { EmotionModel } = require('./dist/model/emotion-model.js');
      const load = EmotionModel.load; let loads = 0;
      EmotionModel.load = (...args) => (loads++, load(...args));
      const r = new EmotionRecognizer();
      console.log(loads, r.status().model.state);
      Promise.all([1, 2, 3, 4].map(() => r.recognize('test/fixtures/speech.wav'))).then(() => console.log(loads, r.status().model.state));`;
    const { stdout, stderr, status } = await runNode(['-e', script]);
    assert.deepEqual({ stdout, stderr, status }, { stdout: '0 unloaded\n1 loaded\n', stderr: '', status: 0 });
  });

  it('does not load libtorch when the package is required', async () => {
    const script = `const { EmotionRecognizer } = require('emotion2vec-node'); new EmotionRecognizer();
      console.log(/libtorch|emotion2vec\\.node/.test(require('fs').readFileSync('/proc/self/maps', 'utf8')))`;
    assert.equal((await runNode(['-e', script])).stdout, 'false\n');
    const esm = `import { EmotionRecognizer } from 'emotion2vec-node'; import { TorchModule } from 'emotion2vec-node/torch';
      console.log(typeof EmotionRecognizer, typeof TorchModule.load)`;
    assert.equal((await runNode(['--input-type=module', '-e', esm])).stdout, 'function function\n');
  });

  it('recognizes many inputs in order, reads few ahead, and yields errors', async () => {
    let pulled = 0;
    function* inputs() {
      for (const name of ['speech.wav', 'empty.wav', 'speech.mp3', 'text.wav', 'speech.flac', 'speech.ogg']) {
        pulled++;
        yield fixture(name);
      }
    }
    const codes: unknown[] = [];
    for await (const { result, error } of recognizer.recognizeMany(inputs())) {
      // One clip per processor is in the model, two are ready, and one is at the caller.
      assert.ok(
        pulled - codes.length <= availableParallelism() + 3,
        `${pulled} pulled when ${codes.length} were taken`,
      );
      codes.push(result?.emotion ?? (error as EmotionError).code);
    }
    assert.deepEqual([codes[1], codes[3], codes.length], ['ERR_AUDIO_DECODE', 'ERR_AUDIO_DECODE', 6]);
  });

  it('refuses a request beyond maxQueue at once', async () => {
    await using small = new EmotionRecognizer({ maxQueue: 1 });
    const first = small.recognize(fixture('speech.wav'));
    await assert.rejects(small.recognize(fixture('speech.wav')), coded('ERR_QUEUE_FULL'));
    await first;
    const { done, rejected, queued } = small.status().requests;
    assert.deepEqual({ done, rejected, queued }, { done: 1, rejected: 1, queued: 0 });
  });

  it('aborts with the reason of the signal, and times out', async () => {
    const reason = new Error('cancelled');
    await assert.rejects(recognizer.recognize(fixture('speech.wav'), { signal: AbortSignal.abort(reason) }), reason);
    const controller = new AbortController();
    const running = recognizer.recognize(
      { samples: noise(16000 * 60), sampleRate: 16000 },
      { signal: controller.signal },
    );
    setTimeout(() => controller.abort(reason), 5);
    await assert.rejects(running, reason);
    const late = recognizer.recognize({ samples: noise(16000 * 60), sampleRate: 16000 }, { timeoutMs: 5 });
    await assert.rejects(late, coded('ERR_TIMEOUT', /5 ms/));
    await recognizer.recognize(fixture('speech.wav'));
  });

  it('unloads when idle, loads again, and closes', async () => {
    const other = new EmotionRecognizer({ idleUnloadMs: 20 });
    await other.warmUp();
    const { model, memory } = other.status();
    assert.ok(model.state === 'loaded' && memory.modelBytes > 1e6);
    await new Promise((resolve) => setTimeout(resolve, 200));
    assert.equal(other.status().model.state, 'unloaded');
    await other.recognize(fixture('speech.wav'));
    const running = other.recognize(fixture('speech.mp3'));
    running.catch(() => undefined);
    await other.close();
    await assert.rejects(running, coded('ERR_CLOSED'));
    await assert.rejects(other.recognize(fixture('speech.wav')), coded('ERR_CLOSED'));
  });

  it('refuses files that are not emotion models', async () => {
    // The message must contain the part that is wrong.
    const cases: [model: string, code: string, message?: RegExp][] = [
      [fixture('text.wav'), 'ERR_MODEL_LOAD'],
      [fixture('models/types.pt'), 'ERR_MODEL_LOAD', /emotion2vec\.json/],
      [fixture('models/liar.pt'), 'ERR_MODEL_LOAD', /logits/],
      [fixture('models/no-labels.pt'), 'ERR_MODEL_LOAD', /labels/],
      [fixture('models/not-json.pt'), 'ERR_MODEL_LOAD', /JSON/],
      ['no-such-model', 'ERR_MODEL_NOT_FOUND', /small-en-de/],
    ];
    for (const [model, code, message] of cases) {
      await using bad = new EmotionRecognizer({ model });
      await assert.rejects(bad.recognize(fixture('speech.wav')), coded(code, message));
    }
  });

  it('throws a TypeError that names an invalid option', async () => {
    assert.throws(() => new EmotionRecognizer({ modle: 'x' } as never), { name: 'TypeError', message: /modle/ });
    assert.throws(() => new EmotionRecognizer({ device: 'gpu' as never }), {
      name: 'TypeError',
      message: /device.*'auto'/,
    });
    await assert.rejects(recognizer.recognize(fixture('speech.wav'), { granularity: 'word' as never }), TypeError);
    await assert.rejects(recognizer.recognize(7 as never), TypeError);
    await assert.rejects(recognizer.recognize(''), TypeError);
  });

  it('rejects with ERR_DEVICE_UNAVAILABLE on cuda without CUDA', async function () {
    await using gpu = new EmotionRecognizer({ device: 'cuda' });
    try {
      await gpu.warmUp();
      this.skip(); // this machine has a CUDA device
    } catch (error) {
      coded('ERR_DEVICE_UNAVAILABLE')(error);
    }
  });

  it('shares weights across worker threads, and survives a terminated worker', async () => {
    const script = `
      const { Worker } = require('worker_threads');
      const code = "const { EmotionRecognizer } = require('./dist'); const r = new EmotionRecognizer(); const { parentPort } = require('worker_threads');" +
        "r.recognize('test/fixtures/speech.wav').then((x) => { parentPort.postMessage(x.emotion); r.recognize({ samples: new Float32Array(16000 * 120), sampleRate: 16000 }); });";
      const one = () => new Promise((resolve) => { const w = new Worker(code, { eval: true }); w.once('message', async (m) => { await w.terminate(); resolve(m); }); });
      Promise.all([one(), one(), one()]).then(async (all) => {
        const { EmotionRecognizer } = require('./dist');
        const r = new EmotionRecognizer();
        console.log(new Set([...all, (await r.recognize('test/fixtures/speech.wav')).emotion]).size);
      });`;
    assert.deepEqual(await runNode(['-e', script]), { status: 0, signal: null, stdout: '1\n', stderr: '' });
  });

  for (const [moment, how] of [
    ['while libtorch opens', 'setTimeout(() => process.exit(7), 60)'],
    ['in the middle of a run', 'r.warmUp().then(() => { r.recognize(long); setTimeout(() => process.exit(7), 30); })'],
    [
      'by an exception in a run',
      "r.warmUp().then(() => { r.recognize(long); setTimeout(() => { process.exitCode = 7; process.on('uncaughtException', () => process.exit(7)); throw new Error(); }, 30); })",
    ],
  ] as const) {
    it(`lets the process end cleanly ${moment}`, async () => {
      const script = `const { EmotionRecognizer } = require('./dist'); const r = new EmotionRecognizer();
        const long = { samples: new Float32Array(16000 * 60), sampleRate: 16000 }; r.recognize(long).catch(() => 0); ${how}`;
      const { status, signal } = await runNode(['-e', script]);
      assert.deepEqual({ status, signal }, { status: 7, signal: null });
    });
  }
});
