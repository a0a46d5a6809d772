import assert from 'node:assert/strict';
import { readFileSync, rmSync } from 'node:fs';
import path from 'node:path';

import { importCheckpoint } from '../../lib/checkpoint/import.js';
import { EmotionRecognizer } from '../../lib/index.js';
import { type Tensor, TorchModule } from '../../lib/torch.js';
import { fixture } from '../support/paths.js';
import { clip, noise, tinySnapshot } from '../support/tiny.js';

interface Case {
  seed: number;
  samples: number;
  gain: number;
  frames: number;
  logits: number[];
  scores: number[];
  meanFeature: number[];
  features?: string;
}

/** Maximum difference from FunASR in fp32. The measured differences are below 2e-5. */
const PARITY = 1e-4;
/** Maximum difference that the rest of a batch may make. Matrix products sum in another order for other numbers of rows. */
const BATCH = 2e-5;

const furthest = (a: ArrayLike<number>, b: ArrayLike<number>): number => {
  assert.equal(a.length, b.length);
  return Array.from(a).reduce((max, value, i) => Math.max(max, Math.abs(value - b[i]!)), 0);
};

describe('emotion2vec+ (tiny)', () => {
  let folder: string;
  let archive: string;
  let recognizer: EmotionRecognizer;
  let module: TorchModule;
  const cases = JSON.parse(readFileSync(fixture('parity-tiny.json'), 'utf8')) as Case[];

  const forward = async (clips: readonly Float32Array[]): Promise<Tensor<'float32'>[]> => {
    const longest = Math.max(...clips.map((samples) => samples.length));
    // The padding beyond the end of a clip must not matter, so that it is not silence here.
    const data = Float32Array.from(noise(99, clips.length * longest), (value) => 1000 * value);
    clips.forEach((samples, i) => data.set(samples, i * longest));
    const lengths = BigInt64Array.from(clips, (samples) => BigInt(samples.length));
    return (await module.forward([
      { dtype: 'float32', shape: [clips.length, longest], data },
      { dtype: 'int64', shape: [clips.length], data: lengths },
    ])) as Tensor<'float32'>[];
  };

  before(async () => {
    folder = tinySnapshot();
    archive = path.join(folder, 'tiny.pt');
    await importCheckpoint(folder, archive);
    recognizer = new EmotionRecognizer({ model: archive, precision: 'fp32' });
    module = await TorchModule.load(archive, { precision: 'fp32' });
  });
  after(async () => {
    await recognizer?.close();
    module?.dispose();
    rmSync(folder, { recursive: true, force: true });
  });

  for (const expected of cases) {
    it(`gives the output of FunASR for ${expected.samples} samples at gain ${expected.gain}`, async () => {
      const samples = clip(expected.seed, expected.samples, expected.gain);
      const [logits, , features] = await forward([samples]);
      assert.ok(furthest(logits!.data, expected.logits) < PARITY);
      if (expected.features !== undefined) {
        const bytes = Buffer.from(expected.features, 'base64');
        assert.ok(furthest(features!.data, new Float32Array(new Uint8Array(bytes).buffer)) < PARITY);
      }
      const result = await recognizer.recognize({ samples, sampleRate: 16000 }, { embedding: true });
      assert.ok(furthest(Object.values(result.scores), expected.scores) < PARITY);
      assert.ok(furthest(result.embedding!, expected.meanFeature) < PARITY);
    });
  }

  it('gives a clip the same output in a batch of different lengths as alone', async () => {
    for (const count of [2, 3, 7, 16]) {
      const clips = Array.from({ length: count }, (_, i) => clip(i, 400 + ((i * 7919) % 40000)));
      const [logits, frameLogits, features, frames] = await forward(clips);
      for (const [i, samples] of clips.entries()) {
        const alone = await forward([samples]);
        const size = Number((alone[3] as Tensor).data[0]);
        assert.equal(Number((frames as Tensor).data[i]), size);
        for (const [batched, single] of [
          [logits!, alone[0]!],
          [frameLogits!, alone[1]!],
          [features!, alone[2]!],
        ] as const) {
          const row = batched.data.length / count;
          const mine = batched.data.subarray(i * row, i * row + single.data.length);
          assert.ok(furthest(mine, single.data) < BATCH, `clip ${i} of ${count}`);
        }
      }
    }
  });

  it('returns the mean of the frame logits as logits', async () => {
    for (const samples of [400, 16000, 100000]) {
      const [logits, frameLogits] = await forward([clip(1, samples)]);
      const frames = frameLogits!.shape[1]!;
      const mean = logits!.data.map(
        (_, label) => frameLogits!.data.reduce((sum, value, i) => sum + (i % 9 === label ? value : 0), 0) / frames,
      );
      assert.ok(furthest(mean, logits!.data) < 1e-5); // float32 sums in another order
    }
  });

  it('infers long audio in windows, and averages their frames', async () => {
    const samples = clip(5, 16000 * 25);
    const whole = await recognizer.recognize({ samples, sampleRate: 16000 }, { window: 'off', embedding: true });
    assert.equal(whole.windows, undefined);
    const options = { window: 10, granularity: 'frame', embedding: true } as const;
    const windowed = await recognizer.recognize({ samples, sampleRate: 16000 }, options);
    assert.deepEqual(windowed.windows, { length: 10, hop: 6, count: 4 });
    // Every frame counts once. The whole clip has (400000 - 400) / 320 + 1.
    assert.deepEqual(windowed.embeddingShape, [1249, 64]);
    assert.equal(windowed.frames!.at(-1)!.end, 25);
    // Noise is the same everywhere, so that windows change little.
    assert.ok(furthest(Object.values(windowed.scores), Object.values(whole.scores)) < 0.02);
    // The frames of a window are those of a clip that is cut there.
    const second = { samples: samples.subarray(6 * 16000, 16 * 16000), sampleRate: 16000 };
    const alone = await recognizer.recognize(second, { granularity: 'frame', embedding: true });
    const frame = (embedding: Float32Array, at: number) => embedding.subarray(at * 64, at * 64 + 64);
    assert.ok(furthest(frame(windowed.embedding!, 8 * 50 + 7), frame(alone.embedding!, 2 * 50 + 7)) < BATCH);
  });

  it('infers a minute as a whole and longer clips in windows, by default', async () => {
    const minute = { samples: clip(6, 16000 * 60), sampleRate: 16000 };
    assert.equal((await recognizer.recognize(minute)).windows, undefined);
    const longer = { samples: clip(6, 16000 * 61), sampleRate: 16000 };
    assert.deepEqual((await recognizer.recognize(longer)).windows, { length: 60, hop: 56, count: 2 });
  });

  it('makes a timeline of the requested windows and hops, and finds its changes', async () => {
    const samples = clip(7, 16000 * 10);
    for (let i = 0; i < samples.length; i++) samples[i]! *= i < 80000 ? 1 : Math.sin(i / 9);
    const timeline = { window: 2, hop: 0.25 };
    const result = await recognizer.recognize({ samples, sampleRate: 16000 }, { granularity: 'frame', timeline });
    assert.deepEqual(
      result.frames!.slice(0, 3).map(({ start, end }) => [start, end]),
      [
        [0, 2],
        [0.26, 2.26], // hops are whole frames: 0.25 s are 12.5 frames, rounded to 13
        [0.52, 2.52],
      ],
    );
    const { frames, segments } = result;
    assert.equal(segments![0]!.start, 0);
    assert.equal(segments!.at(-1)!.end, 10);
    for (const [i, segment] of segments!.entries()) {
      assert.ok(segment.end > segment.start);
      if (i === 0) continue;
      assert.equal(segment.start, segments![i - 1]!.end);
      assert.notEqual(segment.emotion, segments![i - 1]!.emotion);
    }
    const changes = frames!.filter(({ emotion }, i) => i > 0 && emotion !== frames![i - 1]!.emotion).length;
    assert.equal(segments!.length, changes + 1);
  });

  it('refuses windows that are not valid', async () => {
    const input = { samples: clip(1, 16000), sampleRate: 16000 };
    for (const options of [{ window: 0 }, { window: 'whole' }, { timeline: { hop: 0 } }, { timeline: { step: 1 } }]) {
      await assert.rejects(recognizer.recognize(input, options as object), TypeError);
    }
  });

  it('can be saved after a run, and gives the same output then', async () => {
    const again = path.join(folder, 'again.pt');
    const samples = clip(3, 8000);
    const [before] = await forward([samples]);
    await module.save(again);
    const [after] = await forward([samples]);
    assert.deepEqual(after!.data, before!.data);
    await using reloaded = new EmotionRecognizer({ model: archive, precision: 'fp32' });
    const expected = await reloaded.recognize({ samples, sampleRate: 16000 });
    using copy = await TorchModule.load(again, { precision: 'fp32' });
    const [copied] = (await copy.forward([
      { dtype: 'float32', shape: [1, samples.length], data: samples },
      { dtype: 'int64', shape: [1], data: BigInt64Array.of(BigInt(samples.length)) },
    ])) as Tensor<'float32'>[];
    assert.deepEqual(copied!.data, before!.data);
    assert.ok(expected.confidence > 0);
  });

  it('finishes or rejects the request under way when it is closed', async () => {
    const other = new EmotionRecognizer({ model: archive, precision: 'fp32' });
    const pending = other.recognize({ samples: clip(1, 160000), sampleRate: 16000 }, { window: 2 });
    setTimeout(() => void other.close(), 300);
    await pending.then(
      (result) => assert.ok(result.confidence > 0),
      (error: unknown) => assert.equal((error as { code: string }).code, 'ERR_CLOSED'),
    );
  });
});
