/** What a model says of clips, and how far two answers are apart. */
import assert from 'node:assert/strict';

import type { Tensor, TorchModule } from '../../lib/torch.js';
import { noise } from '../support/tiny.js';

/** Of one clip. T frames, L labels, D dimensions. */
export interface Output {
  /** [L] */
  logits: Float32Array;
  /** [T, L] */
  frameLogits: Float32Array;
  /** [T, D] */
  features: Float32Array;
  frames: number;
}

/** A batch through the model. What lies beyond a clip's end must not matter: it is not silence here. */
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
    const rows = ({ data, shape: [, most, width] }: Tensor<'float32'>): Float32Array =>
      data.subarray(i * most! * width!, (i * most! + count) * width!);
    const labels = logits.shape[1]!;
    const mine = logits.data.subarray(i * labels, (i + 1) * labels);
    return { logits: mine, frameLogits: rows(frameLogits), features: rows(features), frames: count };
  });
}

export async function outputOf(module: TorchModule, samples: Float32Array): Promise<Output> {
  return (await outputsOf(module, [samples]))[0]!;
}

/** The largest difference; NaN where either holds one. */
export function furthest(a: ArrayLike<number>, b: ArrayLike<number>): number {
  assert.equal(a.length, b.length);
  let most = 0;
  for (let i = 0; i < a.length; i++) {
    const apart = Math.abs(a[i]! - b[i]!);
    if (!(apart <= most)) most = apart;
  }
  return most;
}

/** Softmax of each row. */
export function scoresOf(logits: Float32Array, labels = logits.length): Float64Array {
  const scores = Float64Array.from(logits, Math.exp); // logits are small
  for (let row = 0; row < scores.length; row += labels) {
    const mine = scores.subarray(row, row + labels);
    const sum = mine.reduce((total, value) => total + value, 0);
    mine.forEach((value, i) => (mine[i] = value / sum));
  }
  return scores;
}

/** The mean of the rows. */
export function meanOf({ features, frames }: Output): Float64Array {
  const mean = new Float64Array(features.length / frames);
  features.forEach((value, i) => (mean[i % mean.length]! += value / frames));
  return mean;
}
