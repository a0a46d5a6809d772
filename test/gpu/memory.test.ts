import assert from 'node:assert/strict';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { EmotionError } from '../../lib/shared/errors.js';
import type { DeviceEvent } from '../../lib/shared/events.js';
import { EmotionRecognizer } from '../../lib/index.js';
import type { RecognitionResult } from '../../lib/recognition/result.js';
import { TorchModule } from '../../lib/torch.js';
import { inChild } from '../support/in-child.js';
import { fixture, root } from '../support/paths.js';
import { clip, importTiny } from '../support/tiny.js';
import { Ballast } from './ballast.js';
import { describeGpu, DEVICE, settledMemory } from './gpu.js';
import { furthest } from './outputs.js';

const MB = 2 ** 20;
const SECOND = 16000;
const SMALL = path.join(root, 'models/small-en-de.pt');
const inputOf = (seconds: number, seed = 1) => ({ samples: clip(seed, seconds * SECOND), sampleRate: SECOND });
const WHOLE = { window: 'off' } as const;

const outOfMemory = (error: unknown): boolean => {
  assert.ok(error instanceof EmotionError, String(error));
  assert.equal(error.code, 'ERR_OUT_OF_MEMORY', error.message);
  return true;
};

const apart = (a: RecognitionResult, b: RecognitionResult): number =>
  furthest(Object.values(a.scores), Object.values(b.scores));

describeGpu('memory of the GPU', () => {
  let folder: string;
  let tiny: string;
  before(async () => {
    folder = mkdtempSync(path.join(tmpdir(), 'emotion2vec-gpu-'));
    tiny = await importTiny(path.join(folder, 'tiny.pt'));
  });
  after(() => folder && rmSync(folder, { recursive: true }));

  it('is reported: weights, the peak of a run, the total', async () => {
    const before = await settledMemory();
    using module = await TorchModule.load(tiny, { device: 'cuda', precision: 'fp32' });
    const { freeBytes, totalBytes, allocatedBytes, reservedBytes, peakBytes } = module.deviceMemory();
    // 4.5 M weights.
    assert.ok(allocatedBytes - before.allocatedBytes > 17e6, `${allocatedBytes - before.allocatedBytes}`);
    assert.ok(allocatedBytes - before.allocatedBytes < 40e6, `${allocatedBytes - before.allocatedBytes}`);
    assert.ok(allocatedBytes <= reservedBytes && allocatedBytes <= peakBytes);
    assert.ok(reservedBytes + freeBytes <= totalBytes);
    await using recognizer = new EmotionRecognizer({ model: tiny, device: 'cuda', precision: 'fp32' });
    assert.equal(recognizer.status().memory.device, undefined);
    await recognizer.recognize(inputOf(3));
    const { device } = recognizer.status().memory;
    assert.equal(device!.totalBytes, totalBytes);
    assert.ok(device!.peakBytes >= peakBytes);
    // One set of weights for both, and the libraries' workspaces.
    assert.ok(device!.allocatedBytes - allocatedBytes < 128 * MB);
  });

  for (const precision of ['fp32', 'fp16', 'bf16', 'int8'] as const) {
    it(`is freed by unload, in ${precision}`, async () => {
      const recognizer = new EmotionRecognizer({ model: tiny, device: 'cuda', precision });
      const round = async () => {
        await recognizer.recognize(inputOf(3));
        await recognizer.unload();
      };
      // After the first round, cuBLAS, cuDNN and the allocator keep memory for this process.
      await round();
      await round();
      const { allocatedBytes, freeBytes } = await settledMemory();
      assert.ok(allocatedBytes < 160 * MB, `${allocatedBytes} bytes are left after the first rounds`);
      for (let i = 0; i < 5; i++) await round();
      const after = await settledMemory();
      assert.ok(after.allocatedBytes <= allocatedBytes, `${after.allocatedBytes - allocatedBytes} bytes more`);
      // Blocks that the allocator keeps for further tensors are returned to the device, for other processes.
      assert.ok(freeBytes - after.freeBytes < 64 * MB, `${freeBytes - after.freeBytes} bytes less are free`);
      await recognizer.close();
    });
  }

  it('runs out a hundred times, and the next clip is recognized each time', async () => {
    await using recognizer = new EmotionRecognizer({ model: SMALL, device: 'cuda', precision: 'fp32' });
    const [short, long] = [inputOf(1), inputOf(240)];
    const expected = await recognizer.recognize(short, WHOLE);
    await recognizer.recognize(long, WHOLE); // where there is room
    using ballast = await Ballast.fill();
    await assert.rejects(recognizer.recognize(long, WHOLE), outOfMemory);
    await ballast.releaseFor(() => recognizer.recognize(short, WHOLE));
    const held = ballast.memory.allocatedBytes;
    for (let round = 0; round < 100; round++) {
      await assert.rejects(recognizer.recognize(long, WHOLE), outOfMemory, `round ${round}`);
      const result = await recognizer.recognize(short, WHOLE);
      assert.ok(apart(result, expected) < 2e-3, `round ${round}`);
    }
    assert.ok(ballast.memory.allocatedBytes - held < MB, 'failed runs leave nothing allocated');
    ballast[Symbol.dispose]();
    await settledMemory();
    await recognizer.recognize(long, WHOLE);
  });

  it('runs out for a batch, and its clips are recognized one by one', async () => {
    await using recognizer = new EmotionRecognizer({ model: SMALL, device: 'cuda', precision: 'fp32', maxBatch: 16 });
    const inputs = Array.from({ length: 32 }, (_, i) => inputOf(10, i));
    const expected = [];
    for (const input of inputs) expected.push(await recognizer.recognize(input));
    using ballast = await Ballast.fill();
    await ballast.releaseFor(() => recognizer.recognize(inputs[0]!));
    const results = await Promise.all(inputs.map((input) => recognizer.recognize(input)));
    for (const [i, result] of results.entries()) assert.ok(apart(result, expected[i]!) < 2e-3, `clip ${i}`);
  });

  it('is too small to load: cuda reports it, and auto uses the CPU and reports why', async () => {
    const events: DeviceEvent[] = [];
    const listen = (event: unknown) => void events.push(event as DeviceEvent);
    subscribe('emotion2vec-node:device', listen);
    try {
      await using onCuda = new EmotionRecognizer({ model: tiny, device: 'cuda', precision: 'fp32' });
      await using auto = new EmotionRecognizer({ model: tiny, precision: 'fp32' });
      {
        using _ballast = await Ballast.fill();
        await assert.rejects(onCuda.recognize(inputOf(1)), outOfMemory);
        assert.equal((await auto.recognize(inputOf(1))).model.device, 'cpu');
      }
      assert.equal(events.length, 1);
      assert.deepEqual(
        { ...events[0], reason: '', remedy: '' },
        { file: tiny, device: 'cpu', reason: '', remedy: '', hardware: true },
      );
      await settledMemory();
      assert.equal((await onCuda.recognize(inputOf(1))).model.device, DEVICE);
      assert.equal((await auto.recognize(inputOf(1))).model.device, 'cpu', 'until it is unloaded');
      await auto.unload();
      assert.equal((await auto.recognize(inputOf(1))).model.device, DEVICE);
      assert.equal(events.length, 1);
    } finally {
      unsubscribe('emotion2vec-node:device', listen);
    }
  });

  it('runs out under auto: this clip and all later ones are recognized on the CPU', async () => {
    const events: DeviceEvent[] = [];
    const listen = (event: unknown) => void events.push(event as DeviceEvent);
    subscribe('emotion2vec-node:device', listen);
    try {
      await using auto = new EmotionRecognizer({ model: SMALL, precision: 'fp32' });
      const expected = await auto.recognize(inputOf(20));
      assert.equal(expected.model.device, DEVICE);
      using _ballast = await Ballast.fill();
      const results = await Promise.all([1, 1, 1].map((seed) => auto.recognize(inputOf(20, seed))));
      for (const result of results) {
        assert.equal(result.model.device, 'cpu');
        assert.ok(apart(result, expected) < 2e-3);
      }
      assert.equal((await auto.recognize(inputOf(1))).model.device, 'cpu');
      assert.equal(events.length, 1);
      assert.match(events[0]!.reason, /\bcuda:0\b/);
    } finally {
      unsubscribe('emotion2vec-node:device', listen);
    }
  });

  it('is full before the first run: ERR_OUT_OF_MEMORY, whichever library fails', async () => {
    // Kernels, cuBLAS, cuDNN and cuFFT allocate memory at their first use, and each reports a shortage in its own words.
    for (const model of [SMALL, tiny]) {
      const outcomes = await inChild(
        {},
        `const { Ballast } = require('./build/test/test/gpu/ballast.js');
         const model = new EmotionRecognizer({ device: 'cuda', model: process.argv[1], precision: 'fp32' });
         const module = await TorchModule.load(process.argv[1], { device: 'cuda', precision: 'fp32' }); // loaded, not run
         const ballast = await Ballast.fill();
         for (let blocks = 0; blocks < 100; blocks++) {
           const result = await model.recognize(noise(2)).catch(failed);
           print(result.code === undefined ? result.model.device : result);
           if (result.code === undefined) break;
           await ballast.release();
         }
         await model.close(); module.dispose();`,
        model,
      );
      assert.equal(outcomes.pop(), DEVICE);
      assert.ok(outcomes.length > 0);
      for (const error of outcomes)
        assert.equal((error as { code: string }).code, 'ERR_OUT_OF_MEMORY', JSON.stringify(error));
    }
  });

  it('runs out for any TorchScript module, which reports it and continues', async () => {
    using module = await TorchModule.load(fixture('models/device.pt'), { device: 'cuda' });
    const { totalBytes } = module.deviceMemory();
    for (let round = 0; round < 20; round++) {
      await assert.rejects(module.call('hold', [2 * totalBytes]), (error: unknown) => {
        outOfMemory(error);
        assert.match((error as Error).message, /CUDA out of memory/);
        return true;
      });
      assert.equal(await module.call('hold', [MB]), round + 1);
    }
  });
});
