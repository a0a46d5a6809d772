/** The choice of a device, on a simulated CUDA device (test/fake-cuda). */
import assert from 'node:assert/strict';

import type { DeviceProblem } from '../../lib/device/cuda.js';
import { chooseDevice } from '../../lib/device/placement.js';
import { fakeCudaSuite } from '../support/fake-cuda-suite.js';
import { inChild, runChild } from '../support/in-child.js';

const MB = 2 ** 20;
/** Has room for the built-in model and a few seconds of audio, but not for a minute or for 16 clips. */
const SMALL = 20 * MB;
const GB = 2 ** 30;

interface Failure {
  code: string;
  message: string;
}
interface Reported {
  device: string;
  reason: string;
  remedy: string;
  hardware: boolean;
}

const LISTEN = `const reported = []; subscribe('emotion2vec-node:device', (event) => reported.push(event));
  const unloads = []; subscribe('emotion2vec-node:unload', ({ reason }) => unloads.push(reason));`;
const RECOGNIZE = `const r = new EmotionRecognizer({ model: process.argv[1] || undefined });
  print((await r.recognize(SPEECH)).model.device); print(reported); await r.close();`;

describe('devices', function () {
  this.timeout(120_000);
  const suite = fakeCudaSuite();

  describe("'auto'", () => {
    it('uses CUDA where it works and there is room, and reports nothing', async () => {
      assert.deepEqual(await inChild(suite.fake.env(), LISTEN + RECOGNIZE), ['cuda:0', []]);
    });

    it('skips devices that are full or too old', () => {
      const device = { name: 'A', capability: 90, bytesTotal: 10e9, bytesFree: 9e9 };
      const choose = (...devices: object[]) =>
        chooseDevice(
          {
            state: 'ready',
            error: '',
            errorCode: 0,
            version: 13_000,
            release: '',
            devices: devices.map((each) => ({ ...device, ...each })),
          },
          { root: '', cuda: true, cudaVersion: '13.0' },
          { bytes: 1e9, budgetBytes: undefined },
        );
      assert.equal(choose({}, {}), 0);
      assert.equal(choose({ bytesFree: 1.5e9 }, {}), 1);
      assert.equal(choose({ capability: 61 }, { bytesFree: null }), 1);
      const full = choose({ name: 'first', bytesFree: 1.5e9 }, { name: 'second', bytesFree: 1e9 });
      assert.match((full as DeviceProblem).what, /^first has 1\.5 GB free, and the model needs about 1\.8 GB$/);
    });

    const fallbacks: [what: string, env: () => Record<string, string>, reason: RegExp, remedy: RegExp][] = [
      [
        'memory is short',
        () => suite.fake.env({ free: 300 * MB }),
        /^NVIDIA Fake GPU has 315 MB free, and the model needs about 9\d\d MB$/,
        /smaller precision/,
      ],
      ['libtorch has no CUDA', () => suite.fake.driverOnly(), /without CUDA.*NVIDIA Fake GPU/, /setup --cuda/],
      [
        'the driver is too old',
        () => suite.fake.env({ driver: 12_080 }),
        /supports CUDA 12\.8, .* needs 13\.0/,
        /Update/,
      ],
      [
        'the driver does not start',
        () => suite.fake.env({ init: 803 }),
        /does not start: CUDA_ERROR_SYSTEM_DRIVER/,
        /Restart/,
      ],
    ];
    for (const [what, env, reason, remedy] of fallbacks) {
      it(`uses the CPU where ${what}, and reports why`, async () => {
        const { printed, stderr, status } = await runChild(env(), LISTEN + RECOGNIZE);
        const [device, reported] = printed as [string, Reported[]];
        assert.deepEqual([status, device, reported.length], [0, 'cpu', 1]);
        assert.match(reported[0]!.reason, reason);
        assert.match(reported[0]!.remedy, remedy);
        assert.ok(stderr.includes(`The model runs on the CPU: ${reported[0]!.reason}`), stderr);
      });
    }

    it('does not wait for the driver where libtorch has no CUDA', async () => {
      const script = `${LISTEN} const r = new EmotionRecognizer();
        print((await r.recognize(SPEECH)).model.device); print(reported.length); await r.close();
        process.once('beforeExit', () => print(reported[0].reason));`;
      const { printed } = await runChild(suite.fake.driverOnly({ wakesAfter: 4 }), script);
      assert.deepEqual(printed.slice(0, 2), ['cpu', 0]);
      assert.match(printed[2] as string, /without CUDA/);
    });

    it('uses the CPU where there is no hardware, with an event and without a warning', async () => {
      const [device, reported] = (await inChild({}, LISTEN + RECOGNIZE)) as [string, Reported[]];
      assert.equal(device, 'cpu');
      assert.match(reported[0]!.reason, /no NVIDIA driver/);
      assert.equal(reported[0]!.hardware, false);
    });

    it('uses the CPU where the budget is too small for CUDA', async () => {
      const script = `${LISTEN} const r = new EmotionRecognizer({ model: process.argv[1], precision: 'fp32', memoryBudgetBytes: 60e6 });
        print((await r.recognize(SPEECH)).model.device); print(reported); await r.close();`;
      const { printed, stderr } = await runChild(suite.fake.env(), script, suite.tiny);
      assert.equal(printed[0], 'cpu');
      assert.match(
        (printed[1] as Reported[])[0]!.reason,
        /needs about \d+ MB, more than memoryBudgetBytes allows \(60 MB\)/,
      );
      assert.match(stderr, /EMOTION2VEC_CPU/);
    });

    it('uses the CPU where loading runs out of memory', async () => {
      const { printed, status } = await runChild(suite.fake.env({ failAfter: 3 }), LISTEN + RECOGNIZE);
      const [device, reported] = printed as [string, Reported[]];
      assert.deepEqual([status, device, reported.length], [0, 'cpu', 1]);
      assert.match(reported[0]!.reason, /\bcuda:0 .*CUDA out of memory/);
    });

    it('moves all requests to the CPU when a run runs out of memory, and tries CUDA again after unloading', async () => {
      const script = `${LISTEN} const r = new EmotionRecognizer(); const cpu = new EmotionRecognizer({ device: 'cpu' });
        const where = async (...clips) => (await Promise.all(clips.map((clip) => r.recognize(clip, { window: 'off' })))).map((x) => x.model.device);
        print(await where(SPEECH));
        const [long, ...short] = await Promise.all([noise(60), SPEECH, noise(50), SPEECH].map((clip) => r.recognize(clip, { window: 'off' })));
        print([long, short[1]].map((x) => x.model.device));
        print(long.scores); print((await cpu.recognize(noise(60), { window: 'off' })).scores);
        print(await where(SPEECH)); print(reported.map(({ reason }) => reason)); print(unloads);
        await r.unload(); print(await where(SPEECH)); print(r.status().memory.device.allocatedBytes > 0);
        await r.close(); await cpu.close();`;
      // There is room for a short clip but not for a minute, although the driver reported more.
      const { printed, status, stderr } = await runChild(suite.fake.env({ limit: SMALL }), script);
      assert.deepEqual({ status, warnings: stderr.match(/EMOTION2VEC_CPU/g)?.length }, { status: 0, warnings: 1 });
      const [first, moved, scores, expected, then, reasons, unloads, again, allocated] = printed as [
        string[],
        string[],
        Record<string, number>,
        Record<string, number>,
        string[],
        string[],
        string[],
        string[],
        boolean,
      ];
      assert.deepEqual([first, moved, then, again], [['cuda:0'], ['cpu', 'cpu'], ['cpu'], ['cuda:0']]);
      assert.deepEqual(scores, expected);
      assert.equal(reasons.length, 1);
      assert.match(reasons[0]!, /\bcuda:0\b/);
      assert.deepEqual(unloads, ['moved']);
      assert.equal(allocated, true);
    });
  });

  describe("'cuda'", () => {
    it('is found after the CPU has been used, and its memory is freed', async () => {
      const script = `const { nativeBinding } = require('./dist/native/binding.js');
        const cpu = new EmotionRecognizer({ device: 'cpu' }); const first = await cpu.recognize(SPEECH);
        const r = new EmotionRecognizer({ device: 'cuda' }); const second = await r.recognize(SPEECH);
        print([first.model.device, second.model.device]); print(r.status().memory.device);
        await r.close(); await cpu.close();
        const { deviceMemory } = await nativeBinding();
        for (let i = 0; i < 100 && deviceMemory('cuda:0').reservedBytes > 0; i++) await new Promise((go) => setTimeout(go, 20));
        print(deviceMemory('cuda:0'));`;
      const [devices, used, after] = (await inChild(suite.fake.env(), script)) as [
        string[],
        Record<string, number>,
        Record<string, number>,
      ];
      assert.deepEqual(devices, ['cpu', 'cuda:0']);
      assert.ok(used.allocatedBytes! > 5e6 && used.peakBytes! > used.allocatedBytes!, JSON.stringify(used));
      assert.deepEqual([after.allocatedBytes, after.reservedBytes], [0, 0]);
      assert.equal(after.totalBytes, 8 * GB);
    });

    it('never falls back: a shortage of memory is an error each time, and the next clip is recognized', async () => {
      const script = `const r = new EmotionRecognizer({ device: 'cuda' });
        const codes = new Set(), devices = new Set();
        for (let i = 0; i < 12; i++) {
          codes.add((await r.recognize(noise(60), { window: 'off' }).catch(failed)).code);
          devices.add((await r.recognize(SPEECH)).model.device);
        }
        print([...codes]); print([...devices]); await r.close();`;
      const printed = await inChild(suite.fake.env({ memory: SMALL }), script);
      assert.deepEqual(printed, [['ERR_OUT_OF_MEMORY'], ['cuda:0']]);
    });

    it('halves a batch that does not fit', async () => {
      const script = `const r = new EmotionRecognizer({ device: 'cuda', maxBatch: 16 });
        const single = new EmotionRecognizer({ device: 'cuda' });
        await r.warmUp();
        const all = await Promise.all(Array.from({ length: 33 }, () => r.recognize(noise(4))));
        const { scores } = await single.recognize(noise(4));
        print(r.status().requests.batchSize); print(r.status().requests.failed);
        print(Math.max(...all.map((x) => Math.max(...Object.keys(scores).map((k) => Math.abs(x.scores[k] - scores[k]))))));
        await r.close(); await single.close();`;
      const [batches, failures, off] = (await inChild(suite.fake.env({ memory: SMALL }), script)) as [
        { max: number; count: number },
        number,
        number,
      ];
      assert.equal(failures, 0);
      assert.ok(batches.max > 1 && batches.max < 16, `the largest batch that fitted: ${batches.max}`);
      assert.ok(off < 1e-5, `scores differ by ${off}`);
    });

    it('runs in every precision, with results close to fp32', async () => {
      const script = `const infer = async (precision) => { const r = new EmotionRecognizer({ model: process.argv[1], device: 'cuda', precision });
          const { scores, model } = await r.recognize(SPEECH); const bytes = r.status().memory.device.allocatedBytes; await r.close();
          return { scores, precision: model.precision, bytes }; };
        for (const precision of ['auto', 'fp32', 'fp16', 'bf16', 'int8']) print(await infer(precision));`;
      const inferred = (await inChild(suite.fake.env(), script, suite.tiny)) as {
        scores: Record<string, number>;
        precision: string;
        bytes: number;
      }[];
      assert.deepEqual(
        inferred.map(({ precision }) => precision),
        ['fp32', 'fp32', 'fp16', 'bf16', 'int8'],
      );
      const [, exact, ...smaller] = inferred;
      for (const { scores, precision, bytes } of smaller) {
        const off = Math.max(...Object.keys(scores).map((key) => Math.abs(scores[key]! - exact!.scores[key]!)));
        // bfloat16 keeps 8 bits; two blocks of 64 dimensions with noise for weights are a hard case for int8.
        assert.ok(off > 0 && off < { fp16: 5e-3, bf16: 4e-2, int8: 8e-2 }[precision]!, `${precision}: ${off}`);
        assert.ok(bytes < exact!.bytes, `${precision}: ${bytes} of ${exact!.bytes} bytes`);
      }
    });

    const reasons: [what: string, device: string, env: () => Record<string, string>, reported: RegExp][] = [
      [
        'an index out of range',
        'cuda:3',
        () => suite.fake.env(),
        /Device cuda:3 is not available\. The NVIDIA driver has one device: cuda:0 \(NVIDIA Fake GPU\)/,
      ],
      ['no device', 'cuda', () => suite.fake.env({ devices: 0 }), /no device.*nvidia-smi/],
      ['no driver', 'cuda', () => ({}), /no NVIDIA driver/],
      ['an old driver', 'cuda', () => suite.fake.env({ driver: 12_080 }), /580\.65\.06 supports CUDA 12\.8.*Update/],
      ['an old device', 'cuda', () => suite.fake.env({ capability: '6.1' }), /\b6\.1\b.*\b7\.5\b/],
      ['a libtorch without CUDA', 'cuda', () => suite.fake.driverOnly(), /`npx emotion2vec setup --cuda`/],
    ];
    for (const [what, device, env, reported] of reasons) {
      it(`reports what is wrong: ${what}`, async () => {
        const script = `print(await new EmotionRecognizer({ device: '${device}' }).recognize(SPEECH).catch(failed));
          print(await TorchModule.load('models/small-en-de.pt', { device: '${device}' }).catch(failed));`;
        for (const error of (await inChild(env(), script)) as Failure[]) {
          assert.equal(error.code, 'ERR_DEVICE_UNAVAILABLE');
          assert.match(error.message, reported);
        }
      });
    }
  });
});
