import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { EmotionError, type TorchInput, TorchModule } from '../../lib/torch.js';
import { inChild } from '../support/in-child.js';
import { fixture } from '../support/paths.js';

const f32 = (shape: number[], ...data: number[]): TorchInput => ({
  dtype: 'float32',
  shape,
  data: Float32Array.from(data),
});
const coded =
  (code: string, message = /./) =>
  (error: unknown) => {
    assert.ok(error instanceof EmotionError, String(error));
    assert.equal(error.code, code);
    assert.match(error.message, message);
    assert.doesNotMatch(error.message, /Exception raised from|frame #/);
    return true;
  };

describe('TorchModule', () => {
  let module: TorchModule;
  before(async () => {
    module = await TorchModule.load(fixture('models/types.pt'));
  });
  after(() => module.dispose());

  it('runs forward in evaluation mode', async () => {
    const output = await module.forward([f32([2, 3], 1, 0, 0, 0, 1, 1)]);
    assert.deepEqual(output, { dtype: 'float32', shape: [2, 2], data: Float32Array.of(1.5, 3.5, 5.5, 10.5) });
  });

  it('runs in InferenceMode, on the CPU', async () => {
    assert.equal(await module.call('inference_mode', []), true);
    assert.equal(module.device, 'cpu');
    assert.equal(module.precision, 'fp32');
  });

  const arrays: [string, TorchInput][] = [
    ['float32', { dtype: 'float32', shape: [2], data: Float32Array.of(1.5, NaN) }],
    ['float64', { dtype: 'float64', shape: [2], data: Float64Array.of(1e300, -0) }],
    ['float16', { dtype: 'float16', shape: [2], data: Uint16Array.of(0x3c00, 0x7c00) }],
    ['bfloat16', { dtype: 'bfloat16', shape: [2], data: Uint16Array.of(0x3f80, 0xff80) }],
    ['int8', { dtype: 'int8', shape: [2], data: Int8Array.of(-128, 127) }],
    ['uint8', { dtype: 'uint8', shape: [2], data: Uint8Array.of(0, 255) }],
    ['int16', { dtype: 'int16', shape: [2], data: Int16Array.of(-32768, 32767) }],
    ['int32', { dtype: 'int32', shape: [2], data: Int32Array.of(-(2 ** 31), 2 ** 31 - 1) }],
    ['int64', { dtype: 'int64', shape: [2], data: BigInt64Array.of(-(2n ** 63n), 2n ** 63n - 1n) }],
    ['bool', { dtype: 'bool', shape: [2], data: Uint8Array.of(0, 1) }],
    ['an empty tensor', { dtype: 'float32', shape: [0, 4], data: new Float32Array(0) }],
    ['a scalar tensor', { dtype: 'float32', shape: [], data: Float32Array.of(7) }],
  ];
  for (const [name, tensor] of arrays) {
    it(`passes ${name} both ways`, async () => {
      assert.deepEqual(await module.call('echo', [tensor]), tensor);
    });
  }

  it('reads a view into a larger buffer', async () => {
    const data = Float32Array.of(9, 1, 2, 9).subarray(1, 3);
    assert.deepEqual(await module.call('echo', [{ dtype: 'float32', shape: [2], data }]), f32([2], 1, 2));
  });

  it('returns a tensor that is not contiguous in row-major order', async () => {
    assert.deepEqual(await module.call('transposed', [f32([2, 3], 1, 2, 3, 4, 5, 6)]), f32([3, 2], 1, 4, 2, 5, 3, 6));
  });

  it('copies inputs, so that later changes have no effect', async () => {
    const data = Float32Array.of(1, 2);
    const running = module.call('echo', [{ dtype: 'float32', shape: [2], data }]);
    data.fill(0);
    assert.deepEqual(await running, f32([2], 1, 2));
  });

  it('passes scalars, strings, tuples and None', async () => {
    assert.deepEqual(await module.call('scalars', [1, 0.25, true, 'ü', null]), [2, 0.5, false, 'ü!', null]);
    assert.deepEqual(await module.call('scalars', [2n ** 60n, 3, false, '']), [
      1152921504606846977n,
      6,
      true,
      '!',
      null,
    ]);
    assert.equal(await module.call('nothing', []), null);
    assert.equal(await module.call('large', []), 1152921504606846977n);
  });

  it('passes lists and dicts, nested ones too', async () => {
    assert.deepEqual(await module.call('tensors', [[f32([1], 1), f32([1], 2)]]), [f32([1], 2), f32([1], 4)]);
    const named = (await module.call('by_name', [{ a: f32([1], 1), __proto__x: f32([1], 2) }])) as Record<
      string,
      unknown
    >;
    assert.deepEqual({ ...named }, { a: f32([1], 2), __proto__x: f32([1], 3) });
    assert.deepEqual(
      await module.call('by_number', [
        new Map([
          [1, 3],
          [2, 5],
        ]),
      ]),
      new Map([
        [1, 1.5],
        [2, 2.5],
      ]),
    );
    assert.deepEqual(
      {
        ...((await module.call('nested', [
          [
            ['a', [1, 2]],
            ['b', []],
          ],
        ])) as object),
      },
      { a: [1, 2], b: [] },
    );
  });

  it('returns only the elements that keep names', async () => {
    assert.deepEqual(await module.call('scalars', [1, 1, true, 'x'], { keep: [0, 3] }), [2, null, null, 'x!', null]);
  });

  const misuse: [string, string, unknown[], RegExp][] = [
    ['a string for an int', 'scalars', ['1', 1, true, ''], /\binput i\b.*\bint\b/],
    ['a fraction for an int', 'scalars', [1.5, 1, true, ''], /input i/],
    ['too many inputs', 'nothing', [1], /\b0\b.*\b1\b/],
    ['an unknown dtype', 'echo', [{ dtype: 'float8', shape: [0], data: new Uint8Array() }], /dtype.*float32/],
    ['another typed array', 'echo', [{ dtype: 'float32', shape: [1], data: Float64Array.of(1) }], /typed array/],
    ['too little data', 'echo', [{ dtype: 'float32', shape: [3], data: Float32Array.of(1) }], /\b1\b.*\b3\b/],
    [
      'a shape that overflows',
      'echo',
      [{ dtype: 'float32', shape: [2 ** 40, 2 ** 40], data: new Float32Array(0) }],
      /63 bits/,
    ],
    ['a negative size', 'echo', [{ dtype: 'float32', shape: [-1], data: new Float32Array(0) }], /non-negative/],
    ['a result without an equivalent', 'complex_result', [], /ComplexFloat/],
  ];
  for (const [name, method, inputs, message] of misuse) {
    it(`${name} is a TypeError`, async () => {
      await assert.rejects(module.call(method, inputs as TorchInput[]), (error: Error) => {
        assert.ok(error instanceof TypeError, String(error));
        assert.match(error.message, message);
        return true;
      });
    });
  }

  it("reports libtorch's reason without the C++ stack", async () => {
    await assert.rejects(
      module.forward([f32([1, 2], 1, 2)]),
      coded('ERR_MODEL_RUN', /mat1 and mat2 shapes cannot be multiplied/),
    );
    await assert.rejects(module.call('fail', ['because']), coded('ERR_MODEL_RUN', /because/));
    await assert.rejects(module.call('scalars', [1]), coded('ERR_MODEL_RUN', /missing value for argument 'f'/));
    await assert.rejects(module.call('no_such', []), coded('ERR_MODEL_RUN', /\bno_such\b/));
  });

  it('survives an allocation that fails', async () => {
    await assert.rejects(module.call('allocate', [2 ** 50]), coded('ERR_OUT_OF_MEMORY', /allocate/));
    assert.equal(await module.call('nothing', []), null);
  });

  it('runs off the main thread', async () => {
    let ticks = 0;
    const counter = setInterval(() => ticks++, 1);
    await module.call('slow', [1500]);
    clearInterval(counter);
    assert.ok(ticks > 10, `${ticks} iterations of the event loop`);
  });

  it('lists its methods, and saves a complete archive', async () => {
    assert.ok(['forward', 'scalars', 'nested'].every((name) => module.methods.includes(name)));
    const folder = mkdtempSync(path.join(tmpdir(), 'emotion2vec-'));
    try {
      await module.save(path.join(folder, 'copy.pt'));
      assert.deepEqual(readdirSync(folder), ['copy.pt']);
      using copy = await TorchModule.load(path.join(folder, 'copy.pt'));
      assert.deepEqual(await copy.forward([f32([1, 3], 1, 0, 0)]), f32([1, 2], 1.5, 3.5));
      await assert.rejects(module.save(path.join(folder, 'none', 'copy.pt')), coded('ERR_FILE_WRITE'));
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('reports the progress of a load to its own listener', async () => {
    const fractions: number[][] = [[], []];
    const load = (file: string, i: number) =>
      TorchModule.load(file, { onProgress: (fraction) => fractions[i]!.push(fraction) });
    const loading = [load(fixture('models/types.pt'), 0), load(path.resolve('models/small-en-de.pt'), 1)];
    for (const loaded of await Promise.all(loading)) loaded.dispose();
    for (const reported of fractions) {
      assert.deepEqual([reported[0], reported.at(-1)], [0, 1]);
      assert.ok(
        reported.every((fraction, i) => i === 0 || fraction > reported[i - 1]!),
        String(reported),
      );
    }
    using other = await TorchModule.load(fixture('models/types.pt'), {
      onProgress: () => {
        throw new Error('of the listener');
      },
    });
    assert.ok(other.methods.length > 0);
  });

  it('measures a run', async () => {
    const { output, waitMs, runMs } = await module.run('slow', [200]);
    assert.ok(output !== undefined && waitMs >= 0 && runMs > 0, `${waitMs} ${runMs}`);
    assert.deepEqual(await module.call('echo', [f32([1], 5)]), (await module.run('echo', [f32([1], 5)])).output);
  });

  it('refuses files and options that it cannot load', async () => {
    const load = (...args: Parameters<typeof TorchModule.load>) => TorchModule.load(...args);
    await assert.rejects(load(fixture('text.wav')), coded('ERR_MODEL_LOAD'));
    await assert.rejects(load(fixture('nowhere.pt')), coded('ERR_FILE_NOT_FOUND'));
    await assert.rejects(load(fixture('models')), coded('ERR_MODEL_LOAD'));
    await assert.rejects(load(fixture('models/types.pt'), { precision: 'fp16' }), coded('ERR_PRECISION_UNSUPPORTED'));
    await assert.rejects(load(5 as never), TypeError);
    await assert.rejects(load(fixture('models/types.pt'), { device: 'gpu' as never }), TypeError);
    await assert.rejects(load(fixture('models/types.pt'), { threads: 0 }), TypeError);
  });

  it('survives a run that failed while a forked part of it continues', async () => {
    // This runs in a separate process: without the guard, the forked part uses code and weights that were freed, and crashes.
    const printed = await inChild(
      {},
      `for (let i = 0; i < 40; i++) {
         const module = await TorchModule.load('test/fixtures/models/linears-forked.pt', { device: 'cpu' });
         for (const shape of [[2, 3], [1, 7, 9]]) {
           const data = new Float32Array(shape.reduce((a, b) => a * b));
           const error = await module.forward([{ dtype: 'float32', shape, data }]).catch(failed);
           if (error.code !== 'ERR_MODEL_RUN') throw error;
         }
         module.dispose();
       }
       print('alive');`,
    );
    assert.deepEqual(printed, ['alive']);
  });

  it('finishes calls that were made before dispose, and refuses later ones', async () => {
    const other = await TorchModule.load(fixture('models/types.pt'));
    const running = other.call('echo', [f32([1], 5)]);
    other.dispose();
    other.dispose();
    assert.deepEqual(await running, f32([1], 5));
    await assert.rejects(other.call('nothing', []), coded('ERR_CLOSED', /disposed/));
  });
});
