import assert from 'node:assert/strict';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { EmotionError } from '../../lib/shared/errors.js';
import { type Device, EmotionRecognizer, type Precision } from '../../lib/index.js';
import type { RecognitionResult } from '../../lib/recognition/result.js';
import { type AnyTensor, type Tensor, TorchModule } from '../../lib/torch.js';
import { inChild, runChild } from '../support/in-child.js';
import { fixture, root } from '../support/paths.js';
import { clip, importTiny } from '../support/tiny.js';
import { describeGpu, DEVICE, deviceMemory, findGpu, type Gpu } from './gpu.js';
import { furthest } from './outputs.js';

const SECOND = 16000;
const SMALL = path.join(root, 'models/small-en-de.pt');
const SPEECH = fixture('speech.wav');
/** The largest difference that is accepted in fp32. */
const FP32 = 2e-3;

const near = (actual: RecognitionResult, expected: RecognitionResult, what?: string): void =>
  assert.ok(furthest(Object.values(actual.scores), Object.values(expected.scores)) < FP32, what);

describeGpu('the GPU', () => {
  let folder: string;
  let tiny: string;
  let gpu: Gpu;
  before(async () => {
    gpu = (await findGpu()) as Gpu;
    console.log(`      ${gpu.name}`);
    folder = mkdtempSync(path.join(tmpdir(), 'emotion2vec-gpu-'));
    tiny = await importTiny(path.join(folder, 'tiny.pt'));
  });
  after(() => folder && rmSync(folder, { recursive: true }));

  const recognize = async (options: { device?: Device; model?: string; precision?: Precision }) => {
    await using recognizer = new EmotionRecognizer({ precision: 'fp32', ...options });
    return await recognizer.recognize(SPEECH);
  };

  it('is used by auto, without an event', async () => {
    const events: unknown[] = [];
    const listen = (event: unknown) => void events.push(event);
    subscribe('emotion2vec-node:device', listen);
    try {
      assert.equal((await recognize({})).model.device, DEVICE);
    } finally {
      unsubscribe('emotion2vec-node:device', listen);
    }
    assert.deepEqual(events, []);
  });

  it('can be requested as cuda or cuda:0', async () => {
    for (const device of ['cuda', 'cuda:0'] as const) assert.equal((await recognize({ device })).model.device, DEVICE);
  });

  it('is named in the error where another one is requested that does not exist', async () => {
    await assert.rejects(recognize({ device: 'cuda:99' }), (error: unknown) => {
      assert.ok(error instanceof EmotionError);
      assert.equal(error.code, 'ERR_DEVICE_UNAVAILABLE');
      assert.ok(error.message.includes('cuda:99') && error.message.includes(`cuda:0 (${gpu.name})`), error.message);
      return true;
    });
    assert.equal((await recognize({ device: 'cuda' })).model.device, DEVICE, 'the failure changed nothing');
  });

  it('cannot be requested by an invalid name', () => {
    for (const device of ['gpu', 'cuda:', 'cuda:-1', 'cuda:1000', 'CUDA', 'cuda:0 '])
      assert.throws(() => new EmotionRecognizer({ device: device as 'cuda' }), TypeError, device);
  });

  it('gives the results of the CPU, in one process, whichever is used first', async () => {
    for (const order of [
      ['cpu', 'cuda'],
      ['cuda', 'cpu'],
    ]) {
      const results = (await inChild(
        {},
        `for (const model of [${JSON.stringify(SMALL)}, ${JSON.stringify(tiny)}]) for (const device of ${JSON.stringify(order)}) {
           const r = new EmotionRecognizer({ device, model, precision: 'fp32' });
           print(await r.recognize(SPEECH)); await r.close();
         }`,
      )) as RecognitionResult[];
      assert.deepEqual(
        results.map(({ model }) => model.device.split(':')[0]),
        [...order, ...order],
      );
      near(results[0]!, results[1]!, `built-in, ${order.join(' ')}`);
      near(results[2]!, results[3]!, `tiny, ${order.join(' ')}`);
    }
  });

  it('serves several recognizers at once, of the same model and of others, beside the CPU', async () => {
    const requested = [
      { model: SMALL, device: 'cuda' },
      { model: SMALL, device: 'cuda' },
      { model: tiny, device: 'cuda' },
      { model: tiny, device: 'cuda', precision: 'fp16' },
      { model: SMALL, device: 'cpu' },
      { model: tiny, device: 'cpu' },
    ] as const;
    const alone = [];
    for (const options of requested) alone.push(await recognize(options));
    const recognizers = requested.map((options) => new EmotionRecognizer({ precision: 'fp32', ...options }));
    for (let round = 0; round < 5; round++) {
      const results = await Promise.all(recognizers.map((recognizer) => recognizer.recognize(SPEECH)));
      for (const [i, result] of results.entries()) near(result, alone[i]!, `recognizer ${i}`);
    }
    await Promise.all(recognizers.map((recognizer) => recognizer.close()));
  });

  it('holds one set of weights for any number of modules', async () => {
    using _first = await TorchModule.load(tiny, { device: 'cuda', precision: 'fp32' });
    const { allocatedBytes } = await deviceMemory();
    const others = await Promise.all(
      Array.from({ length: 5 }, () => TorchModule.load(tiny, { device: 'cuda', precision: 'fp32' })),
    );
    const more = (await deviceMemory()).allocatedBytes - allocatedBytes;
    assert.ok(more <= 0, `${more} bytes more`);
    for (const other of others) other.dispose();
  });

  it('gives the same results for clips in batches as one by one', async () => {
    const inputs = Array.from({ length: 60 }, (_, i) => ({ samples: clip(i, 720 + i * 997), sampleRate: SECOND }));
    await using single = new EmotionRecognizer({ model: tiny, device: 'cuda', precision: 'fp32', maxBatch: 1 });
    await using batched = new EmotionRecognizer({ model: tiny, device: 'cuda', precision: 'fp32', maxBatch: 16 });
    let count = 0;
    for await (const { input, result, error } of batched.recognizeMany(inputs)) {
      assert.equal(error, undefined);
      assert.equal(input, inputs[count++], 'in order');
      near(result!, await single.recognize(input), `clip ${count}`);
    }
    assert.equal(count, inputs.length);
  });

  it('is released when a call is aborted or its recognizer is closed, and serves the next call', async () => {
    const long = { samples: clip(1, 50 * SECOND), sampleRate: SECOND };
    const recognizer = new EmotionRecognizer({ model: tiny, device: 'cuda', precision: 'fp32' });
    const expected = await recognizer.recognize(SPEECH);
    const controller = new AbortController();
    const calls = Array.from({ length: 4 }, () => recognizer.recognize(long, { signal: controller.signal }));
    setTimeout(() => controller.abort(new Error('enough')), 20);
    for (const call of await Promise.allSettled(calls)) {
      assert.ok(call.status === 'rejected' || call.value.model.device === DEVICE);
    }
    near(await recognizer.recognize(SPEECH), expected);
    const pending = recognizer.recognize(long);
    const settled = assert.rejects(pending, { code: 'ERR_CLOSED' });
    await new Promise((resolve) => setTimeout(resolve, 20));
    await recognizer.close();
    await settled;
    near(await recognize({ model: tiny, device: 'cuda' }), expected);
  });

  it('works from worker threads, at the same time and one after another', async () => {
    const code = `const { EmotionRecognizer } = require('./dist'); const { parentPort, workerData } = require('node:worker_threads');
      const r = new EmotionRecognizer({ device: 'cuda', model: workerData, precision: 'fp32' });
      (async () => { for (let i = 0; i < 3; i++) parentPort.postMessage(await r.recognize('test/fixtures/speech.wav')); await r.close(); })();`;
    const results = (await inChild(
      {},
      `const { Worker } = require('node:worker_threads');
       const one = () => new Promise((resolve, reject) => {
         const messages = [];
         new Worker(${JSON.stringify(code)}, { eval: true, workerData: process.argv[1] })
           .on('message', (message) => messages.push(message)).on('error', reject).on('exit', () => resolve(messages));
       });
       for (const result of [...(await one()), ...(await Promise.all([one(), one(), one()])).flat()]) print(result);
       const r = new EmotionRecognizer({ device: 'cuda', model: process.argv[1], precision: 'fp32' });
       print(await r.recognize(SPEECH)); await r.close();`,
      tiny,
    )) as RecognitionResult[];
    assert.equal(results.length, 13);
    for (const result of results) {
      assert.equal(result.model.device, DEVICE);
      near(result, results[0]!);
    }
  });

  it('allows a worker thread to be terminated in the middle of a run', async () => {
    const code = `const { EmotionRecognizer } = require('./dist'); const { parentPort, workerData } = require('node:worker_threads');
      const r = new EmotionRecognizer({ device: 'cuda', model: workerData, precision: 'fp32' });
      const samples = Float32Array.from({ length: 16000 * 20 }, (_, i) => Math.sin(i * i));
      (async () => { for (;;) { await r.recognize({ samples, sampleRate: 16000 }); parentPort.postMessage(0); } })();`;
    const [device] = await inChild(
      {},
      `const { Worker } = require('node:worker_threads');
       for (const delay of [0, 5, 20]) {
         const worker = new Worker(${JSON.stringify(code)}, { eval: true, workerData: process.argv[1] });
         await new Promise((resolve) => worker.once('message', resolve));
         await new Promise((resolve) => setTimeout(resolve, delay));
         await worker.terminate();
       }
       const r = new EmotionRecognizer({ device: 'cuda', model: process.argv[1], precision: 'fp32' });
       print((await r.recognize(SPEECH)).model.device); await r.close();`,
      tiny,
    );
    assert.equal(device, DEVICE);
  });

  it('lets the process end at any moment', async () => {
    for (const delay of [0, 30, 300, 1000, 3000]) {
      const { status, signal, stderr } = await runChild(
        {},
        `const r = new EmotionRecognizer({ device: 'cuda', model: process.argv[1], precision: 'fp32' });
         for (let i = 0; i < 20; i++) r.recognize(noise(20)).catch(() => undefined);
         setTimeout(() => process.exit(7), ${delay});
         await new Promise(() => undefined);`,
        tiny,
      );
      assert.deepEqual({ status, signal, stderr }, { status: 7, signal: null, stderr: '' }, `after ${delay} ms`);
    }
  });
});

describeGpu('a TorchScript module on the GPU', () => {
  const x: Tensor<'float32'> = { dtype: 'float32', shape: [2, 3], data: Float32Array.of(1, 0, 0, 0, 1, 1) };

  it('accepts and returns every dtype and kind of value', async () => {
    using module = await TorchModule.load(fixture('models/types.pt'), { device: 'cuda' });
    const tensors: AnyTensor[] = [
      { dtype: 'float32', shape: [2], data: Float32Array.of(1.5, -2) },
      { dtype: 'float64', shape: [2], data: Float64Array.of(1e300, -2) },
      { dtype: 'float16', shape: [2], data: Uint16Array.of(0x3c00, 0xc000) },
      { dtype: 'bfloat16', shape: [2], data: Uint16Array.of(0x3f80, 0xc000) },
      { dtype: 'int8', shape: [2], data: Int8Array.of(-128, 127) },
      { dtype: 'uint8', shape: [2], data: Uint8Array.of(0, 255) },
      { dtype: 'int16', shape: [2], data: Int16Array.of(-32768, 32767) },
      { dtype: 'int32', shape: [2], data: Int32Array.of(-5, 5) },
      { dtype: 'int64', shape: [2], data: BigInt64Array.of(-(2n ** 62n), 5n) },
      { dtype: 'bool', shape: [2], data: Uint8Array.of(0, 1) },
      { dtype: 'float32', shape: [0, 3], data: new Float32Array() },
      { dtype: 'float32', shape: [], data: Float32Array.of(7) },
    ];
    for (const tensor of tensors) assert.deepEqual(await module.call('echo', [tensor]), tensor);
    assert.deepEqual(await module.call('transposed', [x]), {
      dtype: 'float32',
      shape: [3, 2],
      data: Float32Array.of(1, 0, 0, 1, 0, 1),
    });
    assert.deepEqual(await module.call('scalars', [1, 2.5, true, 'a', null]), [2, 5, false, 'a!', null]);
    await assert.rejects(module.call('fail', ['because']), { code: 'ERR_MODEL_RUN', message: /because/ });
    assert.deepEqual(await module.forward([x]), {
      dtype: 'float32',
      shape: [2, 2],
      data: Float32Array.of(1.5, 3.5, 5.5, 10.5),
    });
  });

  it('moves tensors in lists and dicts to its device', async () => {
    using module = await TorchModule.load(fixture('models/device.pt'), { device: 'cuda' });
    const more = { ...x, data: x.data.map((value) => value + 1) };
    assert.deepEqual(await module.call('add_to_list', [[x, x]]), [more, more]);
    assert.deepEqual({ ...((await module.call('add_to_dict', [{ a: x }])) as object) }, { a: more });
    assert.deepEqual(await module.call('add_to_optional', [x]), more);
    assert.deepEqual(await module.call('add_to_optional', [null]), {
      dtype: 'float32',
      shape: [1],
      data: Float32Array.of(1),
    });
  });

  it('reports errors of the device, and continues', async () => {
    using module = await TorchModule.load(fixture('models/device.pt'), { device: 'cuda' });
    await assert.rejects(module.forward([x, x]), { code: 'ERR_MODEL_RUN' });
    await assert.rejects(module.call('none', []), { code: 'ERR_MODEL_RUN' });
    const product = (await module.forward([x, { ...x, shape: [3, 2] }])) as Tensor;
    assert.deepEqual([...product.data], [1, 0, 1, 1]);
  });
});
