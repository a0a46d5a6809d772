/** Helpers for tests with the models linears-*.pt of scripts/make-test-models.py. */
import assert from 'node:assert/strict';

import { EmotionError, type Tensor, type TorchInput, TorchModule } from '../../lib/torch.js';
import { fixture } from './paths.js';
import { noise } from './tiny.js';

export type Floats = Tensor<'float32'>;

export const linears = (name: string): string => fixture(`models/linears-${name}.pt`);

/** Returns numbers of mean 0 and variance 1 that are the same for the same seed. */
export function floats(shape: number[], seed = 1): Floats {
  const size = shape.reduce((product, n) => product * n, 1);
  return { dtype: 'float32', shape, data: Float32Array.from(noise(seed, size)) };
}

/** Returns the rows from `first` to `last` of a tensor; without the first dimension where `last` is absent. */
export function rows({ shape, data }: Floats, first: number, last?: number): Floats {
  const size = data.length / shape[0]!;
  const rest = shape.slice(1);
  return {
    dtype: 'float32',
    shape: last === undefined ? rest : [last - first, ...rest],
    data: data.slice(first * size, (last ?? first + 1) * size),
  };
}

/** Returns the tensors of a result: a tensor, a tuple or a list. */
export function tensorsOf(result: unknown): Floats[] {
  return Array.isArray(result) ? result.flatMap(tensorsOf) : [result as Floats];
}

/** Returns |a - b| / |b| of vectors. */
export function relative(a: ArrayLike<number>, b: ArrayLike<number>): number {
  assert.equal(a.length, b.length);
  let difference = 0;
  let size = 0;
  for (let i = 0; i < a.length; i++) {
    difference += (a[i]! - b[i]!) ** 2;
    size += b[i]! ** 2;
  }
  return size === 0 ? Math.sqrt(difference) : Math.sqrt(difference / size);
}

/** Returns the largest relative error of the tensors of two results. */
export function apart(a: unknown, b: unknown): number {
  const [left, right] = [tensorsOf(a), tensorsOf(b)];
  assert.deepEqual(
    left.map(({ shape }) => shape),
    right.map(({ shape }) => shape),
  );
  const errors = left.map(({ data }, i) => relative(data, right[i]!.data));
  return errors.some(Number.isNaN) ? NaN : Math.max(...errors);
}

export const coded = (code: string, message = /./) => {
  return (error: unknown): true => {
    assert.ok(error instanceof EmotionError, String(error));
    assert.equal(error.code, code, error.message);
    assert.match(error.message, message);
    return true;
  };
};

/** Loads a model, uses it and disposes of it. */
export async function using<T>(file: string, use: (module: TorchModule) => Promise<T>, precision?: 'int8' | 'bf16') {
  using module = await TorchModule.load(file, { precision });
  return await use(module);
}

/** Returns what the model computes in its own precision. */
export const exact = (file: string, inputs: readonly TorchInput[]): Promise<unknown> =>
  using(file, (module) => module.forward(inputs));

/** Whether this processor supports a precision. Where it does not, loading must report that. */
export async function supports(precision: 'int8' | 'bf16'): Promise<boolean> {
  try {
    (await TorchModule.load(linears('one'), { precision })).dispose();
    return true;
  } catch (error) {
    return !coded('ERR_PRECISION_UNSUPPORTED')(error);
  }
}
