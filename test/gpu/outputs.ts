/** The outputs of a model for clips, and the difference between two outputs. */
import assert from 'node:assert/strict';

import type { Tensor, TorchModule } from '../../lib/torch.js';
import { noise } from '../support/tiny.js';

/** The output for one clip. T frames, L labels, D dimensions. */
export interface Output {
  /** [L] */
  logits: Float32Array;
  /** [T, L] */
  frameLogits: Float32Array;
  /** [T, D] */
  features: Float32Array;
  frames: number;
}

/** Runs a batch. Samples beyond the end of a clip must not matter, so they are noise here and not silence. */
export async function outputsOf(module: TorchModule, clips: readonly Float32Array[]): Promise<Output[]> {
  const longest = Math.max(...clips.map(({ length }) => length));
  const data = clips.length === 1 ? clips[0]! : Float32Array.from(noise(99, clips.length * longest), (x) => 1000 * x);
  clips.forEach((samples, i) => data.set(samples, i * longest));
  const lengths = BigInt64Array.from(clips, ({ length }) => BigInt(length));
  const [logits, frameLogits, features, frames] = (await module.forward([
    { dtype: 'float32', shape: [clips.length, longest], data },
    { dtype: 'int64', shape: [clips.length], data: lengths },
  ])) as [Tensor<'float32'>, Tensor<'float32'>, Tensor<'float32'>, Tensor<'int64'>];
  return clips.map((_, i) => {
    const count = Number(frames.data[i]);
    const rows = ({ data, shape: [, longest, width] }: Tensor<'float32'>): Float32Array =>
      data.subarray(i * longest! * width!, (i * longest! + count) * width!);
    const labels = logits.shape[1]!;
    const own = logits.data.subarray(i * labels, (i + 1) * labels);
    return { logits: own, frameLogits: rows(frameLogits), features: rows(features), frames: count };
  });
}

export async function outputOf(module: TorchModule, samples: Float32Array): Promise<Output> {
  return (await outputsOf(module, [samples]))[0]!;
}

/** Returns the largest difference, or NaN if either list contains NaN. */
export function furthest(a: ArrayLike<number>, b: ArrayLike<number>): number {
  assert.equal(a.length, b.length);
  let largest = 0;
  for (let i = 0; i < a.length; i++) {
    const apart = Math.abs(a[i]! - b[i]!);
    if (!(apart <= largest)) largest = apart;
  }
  return largest;
}

/** Returns the softmax of each row. */
export function scoresOf(logits: Float32Array, labels = logits.length): Float64Array {
  const scores = Float64Array.from(logits, Math.exp); // logits are small
  for (let row = 0; row < scores.length; row += labels) {
    const own = scores.subarray(row, row + labels);
    const sum = own.reduce((total, value) => total + value, 0);
    own.forEach((value, i) => (own[i] = value / sum));
  }
  return scores;
}

/** Returns the mean of the rows. */
export function meanOf({ features, frames }: Output): Float64Array {
  const mean = new Float64Array(features.length / frames);
  features.forEach((value, i) => (mean[i % mean.length]! += value / frames));
  return mean;
}
