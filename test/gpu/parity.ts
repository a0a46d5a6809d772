/** Compares a model's output on the device with that on the CPU in fp32, by the same tests for each model. */
import assert from 'node:assert/strict';

import type { Precision } from '../../lib/options/types.js';
import { TorchModule } from '../../lib/torch.js';
import { clip } from '../support/tiny.js';
import { DEVICE } from './gpu.js';
import { cosine } from '../support/cosine.js';
import { furthest, meanOf, type Output, outputOf, outputsOf, scoresOf } from './outputs.js';

export interface ParityCase {
  /** Makes the archive, in fp32, and returns its path. */
  archive: () => Promise<string>;
  /** Numbers of samples of the clips. */
  lengths: readonly number[];
  /** Numbers of clips in the batches, whose clips differ in length. */
  batches: readonly number[];
  /** Number of samples of the longest clip in a batch. */
  longest: number;
}

/** The largest difference that is accepted in fp32, for each output of the model. In a deep network, TF32 alone would exceed it. */
const FP32 = 2e-3;
/**
 * The largest difference of scores that is accepted in fp16, bf16 and int8. Scores are what users see, and they lie between 0 and
 * 1; the differences of logits and features depend on their size. Measured with CPU kernels that round in the same way: 5e-4 in
 * fp16, 4e-3 in bf16 and int8.
 */
const SCORES = 2e-2;
/** The same for single frames, whose errors do not cancel each other. Measured: 1.4e-2. */
const FRAME_SCORES = 4e-2;
/** The smallest cosine of features. The weights are random, which is the worst case for rounding. Measured: 2e-4 below 1. */
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

  it(`gives every output of the CPU in fp32, for ${lengths[0]} to ${lengths.at(-1)} samples`, async () => {
    using gpu = await loaded('fp32');
    for (const [i, samples] of clips.entries()) near(await outputOf(gpu, samples), reference[i]!, `${samples.length}`);
  });

  for (const precision of ['fp16', 'bf16', 'int8'] as const) {
    it(`gives the CPU's scores and direction of features in ${precision}`, async () => {
      using gpu = await loaded(precision);
      for (const [i, samples] of clips.entries())
        alike(await outputOf(gpu, samples), reference[i]!, `${samples.length}`);
    });
  }

  for (const precision of ['fp32', 'fp16'] as const) {
    it(`gives a clip in a batch of different lengths the same output as alone in ${precision}`, async () => {
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

  it('has the precision of the archive by default', async () => {
    using gpu = await TorchModule.load(file, { device: 'cuda' });
    assert.equal(gpu.precision, 'fp32');
  });
}

/** Asserts that two outputs in fp32 are equal but for rounding. */
export function near(actual: Output, expected: Output, what: string): void {
  assert.equal(actual.frames, expected.frames, what);
  for (const key of ['logits', 'frameLogits', 'features'] as const) {
    const apart = furthest(actual[key], expected[key]);
    assert.ok(apart < FP32, `${what}: ${key} are ${apart} apart`);
  }
}

/** Asserts that an output in a lower precision is close to that in fp32. */
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
