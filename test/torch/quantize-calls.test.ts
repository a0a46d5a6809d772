import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setImmediate } from 'node:timers/promises';

import { type TorchInput, TorchModule } from '../../lib/torch.js';
import { coded, exact, floats, linears, supports, using } from '../support/linears.js';

describe('quantize beside other calls', () => {
  const file = linears('mlp');
  const inputs = [floats([5, 17])];
  let folder: string;
  let fp32: unknown;
  let int8: unknown;
  let bf16: boolean;
  before(async function () {
    if (!(await supports('int8'))) {
      console.log('      int8 is not available on this processor');
      this.skip();
    }
    bf16 = await supports('bf16');
    folder = mkdtempSync(path.join(tmpdir(), 'emotion2vec-quantize-'));
    fp32 = await exact(file, inputs);
    int8 = await using(file, (module) => module.forward(inputs), 'int8');
    assert.notDeepEqual(int8, fp32);
  });
  after(() => folder && rmSync(folder, { recursive: true }));

  it('leaves other modules of the file as they are', async () => {
    using one = await TorchModule.load(file);
    using other = await TorchModule.load(file);
    assert.deepEqual(await other.forward(inputs), fp32);
    await one.quantize();
    assert.deepEqual(await one.forward(inputs), int8);
    assert.deepEqual(await other.forward(inputs), fp32);
    assert.deepEqual([one.precision, other.precision], ['int8', 'fp32']);
    using later = await TorchModule.load(file);
    assert.deepEqual(await later.forward(inputs), fp32);
    await other.quantize();
    assert.deepEqual(await other.forward(inputs), int8);
    assert.deepEqual(await later.forward(inputs), fp32);
  });

  it('gives the same results before and after the first run', async () => {
    await using(file, async (module) => {
      for (let i = 0; i < 3; i++) assert.deepEqual(await module.forward(inputs), fp32);
      await module.quantize();
      for (let i = 0; i < 3; i++) assert.deepEqual(await module.forward(inputs), int8);
    });
  });

  // In the same iteration of the event loop, a microtask later, and when the work is under way.
  const moments: [string, (() => Promise<unknown>) | undefined][] = [
    ['at once', undefined],
    ['a microtask later', () => Promise.resolve()],
    ['in the next iteration', () => setImmediate()],
  ];
  for (const [when, moment] of moments) {
    it(`makes later calls wait: ${when}`, async () => {
      await using(file, async (module) => {
        const before = module.forward(inputs);
        const quantized = module.quantize();
        if (moment !== undefined) await moment();
        const input = floats([5, 17]);
        const call = module.forward([input]);
        input.data.fill(0);
        const save = module.save(path.join(folder, 'meanwhile.pt'));
        const wrong = assert.rejects(module.call('forward', [(() => 1) as never]), TypeError);
        const missing = assert.rejects(module.call('none', []), coded('ERR_MODEL_RUN', /\bnone\b/));
        assert.deepEqual(module.methods, ['forward']);
        assert.equal(module.extraFile('none'), null);
        assert.deepEqual(await before, fp32);
        assert.deepEqual(await call, int8);
        assert.equal((await quantized).convertedLayers, 3);
        await Promise.all([save, wrong, missing]);
        await using(path.join(folder, 'meanwhile.pt'), async (copy) => {
          assert.equal(copy.precision, 'int8');
          assert.deepEqual(await copy.forward(inputs), int8);
        });
      });
    });

    it(`happens once for any number of calls: ${when}`, async () => {
      await using(file, async (module) => {
        const first = module.quantize();
        if (moment !== undefined) await moment();
        const others = [module.quantize(), module.quantize({ precision: 'bf16' }), module.quantize()];
        const call = module.forward(inputs);
        const results = await Promise.allSettled([first, ...others]);
        assert.deepEqual(
          results.map((result) => (result.status === 'fulfilled' ? 'done' : (result.reason as { code: string }).code)),
          ['done', 'ERR_QUANTIZE', bf16 ? 'ERR_QUANTIZE' : 'ERR_PRECISION_UNSUPPORTED', 'ERR_QUANTIZE'],
        );
        assert.deepEqual(await call, int8);
        assert.deepEqual(await module.forward(inputs), int8);
      });
    });

    it(`completes where the module is disposed of meanwhile: ${when}`, async () => {
      using other = await TorchModule.load(file);
      const module = await TorchModule.load(file);
      const before = module.forward(inputs);
      const quantized = module.quantize();
      if (moment !== undefined) await moment();
      const call = module.forward(inputs);
      module.dispose();
      const [report, called] = await Promise.allSettled([quantized, call]);
      assert.deepEqual(await before, fp32);
      // Calls already made still finish.
      assert.equal(report.status, 'fulfilled', String((report as PromiseRejectedResult).reason));
      assert.equal(called.status, 'fulfilled', String((called as PromiseRejectedResult).reason));
      const closed: Promise<unknown>[] = [
        module.forward(inputs),
        module.quantize(),
        module.save(path.join(folder, 'x.pt')),
      ];
      for (const late of closed) await assert.rejects(late, coded('ERR_CLOSED'));
      assert.throws(() => module.methods, coded('ERR_CLOSED'));
      assert.deepEqual(await other.forward(inputs), fp32);
    });
  }

  it('is refused after dispose', async () => {
    const module = await TorchModule.load(file);
    module.dispose();
    await assert.rejects(module.quantize(), coded('ERR_CLOSED'));
  });

  it('works while other modules run', async () => {
    using busy = await TorchModule.load(linears('branches'));
    const work: [TorchInput, number] = [floats([4, 30]), 3];
    const expected = await busy.forward(work);
    const running = Array.from({ length: 20 }, () => busy.forward(work));
    const modules = await Promise.all(Array.from({ length: 4 }, () => TorchModule.load(file)));
    await Promise.all(modules.map((module) => module.quantize()));
    for (const module of modules) {
      assert.deepEqual(await module.forward(inputs), int8);
      module.dispose();
    }
    for (const result of await Promise.all(running)) assert.deepEqual(result, expected);
  });
});
