import assert from 'node:assert/strict';

import { fakeCudaSuite } from '../support/fake-cuda-suite.js';
import { inChild } from '../support/in-child.js';

type Scores = Record<string, number>;

function near(actual: Scores, expected: Scores): void {
  assert.deepEqual(Object.keys(actual), Object.keys(expected));
  for (const [emotion, score] of Object.entries(expected))
    assert.ok(Math.abs(actual[emotion]! - score) < 1e-5, `${emotion}: ${actual[emotion]}, not ${score}`);
}

describe('the fake CUDA device', () => {
  const suite = fakeCudaSuite();

  it('runs a module as the CPU does', async () => {
    const [device, gpu, cpu] = await inChild(
      suite.fake.env(),
      `const [gpu, cpu] = await both((device) => TorchModule.load('test/fixtures/models/types.pt', { device }));
       const x = { dtype: 'float32', shape: [2, 3], data: Float32Array.of(1, 0, 0, 0, 1, 1) };
       print(gpu.device); print(await gpu.forward([x])); print(await cpu.forward([x]));`,
    );
    assert.equal(device, 'cuda:0');
    assert.deepEqual(gpu, cpu);
  });

  it('takes tensors in lists and dicts', async () => {
    const [list, dict, cpuList, cpuDict] = await inChild(
      suite.fake.env(),
      `const x = { dtype: 'float32', shape: [2], data: Float32Array.of(1, 2) };
       for (const module of await both((device) => TorchModule.load('test/fixtures/models/types.pt', { device }))) {
         print(await module.call('tensors', [[x, x]])); print(await module.call('by_name', [{ a: x, b: x }]));
       }`,
    );
    assert.deepEqual([list, dict], [cpuList, cpuDict]);
  });

  it('recognizes as the CPU does', async () => {
    for (const model of ['small-en-de', suite.tiny]) {
      const [gpu, cpu] = (await inChild(
        suite.fake.env(),
        `const recognizers = await both((device) => new EmotionRecognizer({ device, model: process.argv[1], precision: 'fp32' }));
         for (const r of recognizers) { print(await r.recognize(SPEECH)); await r.close(); }`,
        model,
      )) as { scores: Scores; model: { device: string } }[];
      assert.deepEqual([gpu!.model.device, cpu!.model.device], ['cuda:0', 'cpu']);
      near(gpu!.scores, cpu!.scores);
    }
  });

  it('has as many devices as its environment states', async () => {
    const load = `TorchModule.load('test/fixtures/models/types.pt', { device: 'cuda:1' })`;
    assert.deepEqual(await inChild(suite.fake.env({ devices: 2 }), `print((await ${load}).device)`), ['cuda:1']);
    for (const options of [{ devices: 1 }, { devices: 0 }, { devices: 2, init: 803 }, { devices: 2, driver: 12080 }]) {
      const [error] = await inChild(suite.fake.env(options), `print(await ${load}.catch(failed))`);
      assert.equal((error as { code: string }).code, 'ERR_DEVICE_UNAVAILABLE', JSON.stringify(options));
    }
  });
});
