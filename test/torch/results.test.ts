import assert from 'node:assert/strict';

import { EmotionError, type Tensor, type TorchInput, TorchModule } from '../../lib/torch.js';
import { inChild } from '../support/in-child.js';
import { fixture } from '../support/paths.js';

const dense = (tensor: unknown): [number[], number[]] => {
  const { shape, data } = tensor as Tensor<'float32'>;
  return [shape, Array.from(data, (value) => value + 0)]; // -0 is 0
};
const X: [number[], number[]] = [
  [2, 3],
  [1, 0, -2, 0, 3, 0.5],
];
const NEGATIVE: [number[], number[]] = [
  [2, 3],
  [-1, 0, 2, 0, -3, -0.5],
];

describe('results that are not plain tensors', () => {
  let module: TorchModule;
  before(async () => {
    module = await TorchModule.load(fixture('models/layouts.pt'), { device: 'cpu' });
  });
  after(() => module.dispose());

  for (const layout of ['sparse', 'csr', 'mkldnn']) {
    it(`come back dense: ${layout}`, async () => {
      assert.deepEqual(dense(await module.call(layout, [])), X);
    });
  }

  it('have their lazy negative and conjugate bits resolved', async () => {
    assert.deepEqual(dense(await module.call('negated', [])), NEGATIVE);
    const [real, imaginary] = (await module.call('conjugated', [])) as unknown[];
    assert.deepEqual(dense(real), X);
    assert.deepEqual(dense(imaginary), [
      [2, 3],
      [-2, 0, 4, 0, -6, -1],
    ]);
    const [, kept] = (await module.call('conjugated', [], { keep: [1] })) as unknown[];
    assert.deepEqual(dense(kept), dense(imaginary));
  });

  it('may be in dicts, tuples, lists and optionals', async () => {
    const { a } = (await module.call('inside', [])) as { a: [unknown[], unknown] };
    assert.deepEqual(a[0].map(dense), [NEGATIVE, X, X]);
    assert.deepEqual(dense(a[1]), [[], [2]]);
  });

  it('may be zeros without memory', async () => {
    assert.deepEqual(dense(await module.call('zeros', [])), [
      [2, 2],
      [0, 0, 0, 0],
    ]);
  });

  const refused: [string, TorchInput[], RegExp][] = [
    ['nested', [], /nested/],
    ['meta', [], /meta/],
    ['quantised', [], /QInt8/],
    ['dtypes', [0], /ComplexFloat/],
    ['dtypes', [1], /Float8_e4m3fn/],
    ['dtypes', [2], /UInt16/],
    ['device', [], /Device/],
    ['number', [], /Complex/],
    ['endless_list', [], /levels deep, or contains itself/],
    ['long_list', [20_000_000], /use a tensor/],
  ];
  for (const [method, inputs, message] of refused) {
    it(`${method}(${inputs.map(Number).join()}) is a TypeError with the reason`, async () => {
      await assert.rejects(module.call(method, inputs), (error: Error) => {
        assert.ok(error instanceof TypeError, String(error));
        assert.match(error.message, message);
        return true;
      });
    });
  }

  it('are errors with a code where they cannot be made dense or do not fit into memory', async () => {
    await assert.rejects(module.call('wrong_indices', []), { code: 'ERR_MODEL_RUN' });
    for (const rows of [1e9, 1e12, 2 ** 52]) {
      await assert.rejects(module.call('expanded', [rows]), (error: unknown) => {
        assert.ok(error instanceof EmotionError);
        assert.match(error.code, /ERR_OUT_OF_MEMORY|ERR_MODEL_RUN/);
        return true;
      });
    }
  });

  it('may be futures, which are awaited', async () => {
    const result = await module.call('future', []).catch((error: unknown) => error);
    if (result instanceof TypeError) assert.match(result.message, /Future/);
    else
      assert.deepEqual(dense(result), [
        [2, 3],
        [1, 0, 0, 0, 3, 0.5],
      ]);
  });

  it('do not end the process, and neither do wrong arguments of the binding', async () => {
    const printed = await inChild(
      {},
      `const { nativeBinding } = require('./dist/native/binding.js');
       const binding = await nativeBinding();
       const layouts = require('path').resolve('test/fixtures/models/layouts.pt');
       const outcomes = [];
       const attempt = async (run) => { try { await run(); outcomes.push('ok'); } catch (error) { outcomes.push(error.code ?? error.constructor.name); } };
       await attempt(() => binding.load(layouts, 'cpu', 'fp33'));
       await attempt(() => binding.load(layouts, 'cpu', ''));
       for (const device of ['nowhere', 'meta', 'cuda:x', 'mps', '']) await attempt(() => binding.load(layouts, device, 'fp32'));
       await attempt(() => binding.load('/nowhere', 'cpu', 'fp32'));
       await attempt(() => binding.deviceMemory('nowhere'));
       await attempt(() => binding.deviceMemory('meta'));
       const native = await binding.load(layouts, 'cpu', 'fp32');
       const fs = require('fs');
       const folder = fs.mkdtempSync(require('path').join(require('os').tmpdir(), 'emotion2vec-wrong-'));
       process.chdir(folder); // 'x' is the path of a file to save
       process.on('exit', () => fs.rmSync(folder, { recursive: true }));
       await attempt(() => native.quantize('int9'));
       await attempt(() => native.save('/nowhere/x.pt', {}));
       for (const wrong of [undefined, null, 5, 'x', {}, [], Symbol('x')]) {
         for (const method of ['methods', 'extraFile', 'call', 'precision', 'save']) await attempt(() => native[method](wrong, wrong, wrong, wrong, wrong));
         await attempt(() => binding.load(wrong, wrong, wrong, wrong, wrong));
         await attempt(() => binding.deviceMemory(wrong));
         await attempt(() => binding.cancel(wrong));
         await attempt(() => new native.constructor(wrong));
         await attempt(() => native.call.call(wrong, 'look', [], 1));
       }
       for (const threads of [0, -1, 2 ** 31 - 1, NaN]) await attempt(() => native.call('negated', [], threads));
       print(outcomes.slice(0, 12)); print(outcomes.slice(-4));`,
    );
    assert.deepEqual(printed, [
      [
        ...['TypeError', 'TypeError'],
        ...Array<string>(5).fill('ERR_DEVICE_UNAVAILABLE'),
        'ERR_FILE_NOT_FOUND',
        ...['ERR_DEVICE_UNAVAILABLE', 'ok'], // zeros for a device without memory
        ...['TypeError', 'ERR_FILE_WRITE'],
      ],
      ['ok', 'ok', 'ok', 'ok'],
    ]);
  });
});
