/** What a model says on the device beside what it says on the CPU in fp32: the same tests for each model. */
import assert from 'node:assert/strict';

import type { Precision } from '../../lib/options/types.js';
import { TorchModule } from '../../lib/torch.js';
import { clip } from '../support/tiny.js';
import { DEVICE } from './gpu.js';
import { cosine } from '../support/cosine.js';
import { furthest, meanOf, type Output, outputOf, outputsOf, scoresOf } from './outputs.js';

export interface ParityCase {
  /** Makes the archive, in fp32. */
  archive: () => Promise<string>;
  /** Samples of the clips. */
  lengths: readonly number[];
  /** Of the ragged batches. */
  batches: readonly number[];
  /** Samples of the longest clip in a batch. */
  longest: number;
}

/** The bound for fp32, on whatever the model gives. TF32 alone would be beyond it in a deep network. */
const FP32 = 2e-3;
/**
 * The bound for fp16, and ours for bf16 and int8. It is on scores, which are what users see and lie between 0 and 1:
 * how far logits and features may be apart depends on how large they are. Seen with CPU kernels that round alike: 5e-4 in fp16,
 * 4e-3 in bf16 and int8.
 */
const SCORES = 2e-2;
/** A single frame has no neighbours whose errors would cancel its own. Seen: 1.4e-2. */
const FRAME_SCORES = 4e-2;
/** Of features with random weights, where nothing was learnt that rounding could leave alone. Seen: 2e-4 from 1. */
const COSINE = 0.999;

export function itIsOnPar({ archive, lengths, batches, longest }: ParityCase): void {
  let file: string;
  let reference: Output[];
  const clips = lengths.map((length) => clip(length, length));

  before(async () => {
    file = await archive();
    using cpu = await TorchModule.load(file, { device: 'cpu', precision: 'fp32' });
    reference = [];
    for (const samples of clips) reference.push(await outputOf(cpu, samples));
  });

  const loaded = async (precision: Precision): Promise<TorchModule> => {
    const module = await TorchModule.load(file, { device: 'cuda', precision });
    assert.deepEqual([module.device, module.precision], [DEVICE, precision]);
    return module;
  };

  it(`fp32: all that it gives, ${lengths[0]} to ${lengths.at(-1)} samples`, async () => {
    using gpu = await loaded('fp32');
    for (const [i, samples] of clips.entries()) near(await outputOf(gpu, samples), reference[i]!, `${samples.length}`);
  });

  for (const precision of ['fp16', 'bf16', 'int8'] as const) {
    it(`${precision}: scores and the direction of features`, async () => {
      using gpu = await loaded(precision);
      for (const [i, samples] of clips.entries())
        alike(await outputOf(gpu, samples), reference[i]!, `${samples.length}`);
    });
  }

  for (const precision of ['fp32', 'fp16'] as const) {
    it(`${precision}: a clip in a ragged batch as by itself`, async () => {
      using gpu = await loaded(precision);
      for (const count of batches) {
        const batch = Array.from({ length: count }, (_, i) => clip(i, 720 + ((i * 7919) % (longest - 720))));
        batch.push(clip(77, longest));
        for (const [i, output] of (await outputsOf(gpu, batch)).entries()) {
          const compare = precision === 'fp32' ? near : alike;
          compare(output, await outputOf(gpu, batch[i]!), `clip ${i} of ${batch.length}`);
        }
      }
    });
  }

  it('auto: what the archive holds', async () => {
    using gpu = await TorchModule.load(file, { device: 'cuda' });
    assert.equal(gpu.precision, 'fp32');
  });
}

/** As fp32 is to fp32. */
export function near(actual: Output, expected: Output, what: string): void {
  assert.equal(actual.frames, expected.frames, what);
  for (const key of ['logits', 'frameLogits', 'features'] as const) {
    const apart = furthest(actual[key], expected[key]);
    assert.ok(apart < FP32, `${what}: ${key} are ${apart} apart`);
  }
}

/** As less than fp32 is to fp32. */
export function alike(actual: Output, expected: Output, what: string): void {
  assert.equal(actual.frames, expected.frames, what);
  const labels = expected.logits.length;
  const apart = furthest(scoresOf(actual.logits), scoresOf(expected.logits));
  assert.ok(apart < SCORES, `${what}: scores are ${apart} apart`);
  const byFrame = furthest(scoresOf(actual.frameLogits, labels), scoresOf(expected.frameLogits, labels));
  assert.ok(byFrame < FRAME_SCORES, `${what}: scores of frames are ${byFrame} apart`);
  for (const likeness of [cosine(actual.features, expected.features), cosine(meanOf(actual), meanOf(expected))]) {
    assert.ok(likeness > COSINE, `${what}: the cosine of features is ${likeness}`);
  }
}
