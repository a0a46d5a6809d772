import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { EmotionError } from '../../lib/shared/errors.js';
import { checkBudget, memoryNeeds } from '../../lib/model/memory-needs.js';
import { EmotionRecognizer } from '../../lib/recognition/recognizer.js';
import { TorchModule } from '../../lib/torch.js';
import { root } from '../support/paths.js';
import { inChild, runChild } from '../support/in-child.js';
import { importTiny } from '../support/tiny.js';

const MODEL = path.join(root, 'models/small-en-de.pt');
const SPEECH = path.join(root, 'test/fixtures/speech.wav');
const noMemory =
  (message = /./) =>
  (error: unknown) => {
    assert.ok(error instanceof EmotionError && error.code === 'ERR_OUT_OF_MEMORY', String(error));
    assert.match(error.message, message);
    return true;
  };
const audio = (seconds: number) => ({
  dtype: 'float32' as const,
  shape: [1, 16_000 * seconds],
  data: new Float32Array(16_000 * seconds).map((_, i) => Math.sin(i * i)),
});
const lengths = (seconds: number) => ({
  dtype: 'int64' as const,
  shape: [1],
  data: BigInt64Array.of(BigInt(16_000 * seconds)),
});

describe('memoryBudgetBytes', function () {
  this.timeout(120_000);

  it('refuses a model that cannot fit before it loads', async () => {
    const recognizer = new EmotionRecognizer({ memoryBudgetBytes: 10e6 });
    await assert.rejects(
      recognizer.recognize(SPEECH),
      noMemory(/small-en-de\.pt needs about \d+ MB .* memoryBudgetBytes allows 10 MB\./),
    );
    assert.equal(recognizer.status().model.state, 'unloaded');
    await recognizer.close();
  });

  it('names the precision that would fit', () => {
    const large = { bytes: 648_651_331, card: { embeddingDim: 1024, precision: 'fp32' as const } };
    const check = (budgetBytes: number, precision: 'auto' | 'fp32' = 'auto') =>
      checkBudget('large.pt', large, { precision, device: 'cpu', budgetBytes });
    check(800e6, 'fp32');
    check(700e6);
    assert.throws(() => check(500e6), noMemory(/in bf16 .* 4\d\d MB .*: `emotion2vec quantize large\.pt/));
    assert.throws(() => check(300e6), noMemory(/in int8 .* 2\d\d MB /));
    assert.throws(() => check(100e6), noMemory(/Allow 6\d\d MB or more/));
    assert.equal(memoryNeeds({ ...large, card: { ...large.card, precision: 'int8' } }, 'fp32', 'cpu'), undefined);
  });

  it('limits the weights of any TorchScript module', async () => {
    await assert.rejects(
      TorchModule.load(MODEL, { device: 'cpu', memoryBudgetBytes: 3e6 }),
      noMemory(/budget of 3\.0 MB has/),
    );
    const module = await TorchModule.load(MODEL, { device: 'cpu', memoryBudgetBytes: 6e6 });
    await assert.rejects(module.forward([audio(60), lengths(60)]), noMemory(/forward\(\)/));
    module.dispose();
  });

  it('refuses a run that would take more, and runs the next one', async () => {
    const module = await TorchModule.load(MODEL, { device: 'cpu', memoryBudgetBytes: 12e6 });
    const [free] = (await module.forward([audio(3), lengths(3)])) as [{ data: Float32Array }];
    for (let i = 0; i < 5; i++) {
      await assert.rejects(module.forward([audio(60), lengths(60)]), noMemory());
      const [again] = (await module.forward([audio(3), lengths(3)])) as [{ data: Float32Array }];
      assert.deepEqual(again.data, free.data);
    }
    module.dispose();
  });

  it('leads to a correct result or a coded error, whatever its value: loading, packing, running', async () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'emotion2vec-memory-'));
    const tiny = await importTiny(path.join(folder, 'tiny.pt'));
    for (const precision of ['fp32', 'int8'] as const) {
      const unbound = await TorchModule.load(tiny, { device: 'cpu', precision });
      const [expected] = (await unbound.forward([audio(3), lengths(3)])) as [{ data: Float32Array }];
      unbound.dispose();
      const counts = { loads: 0, runs: 0, results: 0 };
      for (let budget = 0.5e6; budget < 40e6; budget += 6e6) {
        let module: TorchModule;
        try {
          module = await TorchModule.load(tiny, { device: 'cpu', precision, memoryBudgetBytes: Math.round(budget) });
        } catch (error) {
          assert.ok(noMemory()(error));
          counts.loads++;
          continue;
        }
        for (const seconds of [3, 20, 3]) {
          try {
            const [logits] = (await module.forward([audio(seconds), lengths(seconds)])) as [{ data: Float32Array }];
            if (seconds === 3) assert.deepEqual(logits.data, expected.data);
            counts.results++;
          } catch (error) {
            assert.ok(noMemory()(error));
            counts.runs++;
          }
        }
        module.dispose();
      }
      // Weights in fp32 are converted to smaller ones, so that loading takes the most memory.
      assert.ok(
        counts.loads > 0 && (counts.runs > 0 || precision !== 'fp32') && counts.results > 0,
        `${precision}: ${JSON.stringify(counts)}`,
      );
    }
    rmSync(folder, { recursive: true });
  });

  it('belongs to one caller; another caller of the same file has its own', async () => {
    const [small, free] = await Promise.all([
      TorchModule.load(MODEL, { device: 'cpu', memoryBudgetBytes: 12e6 }),
      TorchModule.load(MODEL, { device: 'cpu' }),
    ]);
    const results = await Promise.allSettled([
      small.forward([audio(60), lengths(60)]),
      free.forward([audio(60), lengths(60)]),
    ]);
    assert.deepEqual(
      results.map(({ status }) => status),
      ['rejected', 'fulfilled'],
    );
    small.dispose();
    free.dispose();
  });

  it('must be a positive whole number', () => {
    for (const memoryBudgetBytes of [0, -1, 1.5, NaN, '1G'])
      assert.throws(
        () => new EmotionRecognizer({ memoryBudgetBytes: memoryBudgetBytes as number }),
        /TypeError|memoryBudgetBytes/,
      );
  });
});

describe('a shortage of system memory', function () {
  this.timeout(120_000);

  /** Loads a model and runs a clip, then one of a quarter of an hour, which does not fit, several times, then a clip. */
  const PREPARE = `const long = new Float32Array(16000 * 900).map((_, i) => Math.sin(i * i));
    const module = await TorchModule.load('models/small-en-de.pt', { device: 'cpu' });
    const run = (seconds) => { const n = 16000 * seconds; return module.forward([{ dtype: 'float32', shape: [1, n], data: long.subarray(0, n) },
      { dtype: 'int64', shape: [1], data: BigInt64Array.of(BigInt(n)) }], { keep: [0] }).then(() => 'inferred', failed); };
    print(await run(3));`;
  const SCRIPT = `${PREPARE} for (let i = 0; i < 3; i++) print(await run(900)); print(await run(3));`;

  const expectRecovery = ({ printed, status, signal, stderr }: Awaited<ReturnType<typeof runChild>>) => {
    assert.deepEqual({ status, signal, stderr }, { status: 0, signal: null, stderr: '' });
    const [first, ...rest] = printed as (string | { code: string; message: string })[];
    const last = rest.pop();
    assert.deepEqual([first, last], ['inferred', 'inferred']);
    for (const failure of rest)
      assert.equal((failure as { code: string }).code, 'ERR_OUT_OF_MEMORY', JSON.stringify(failure));
  };

  it('is an error where ulimit -v limits the address space', async () => {
    const size = `print(Number(/VmSize:\\s+(\\d+)/.exec(require('fs').readFileSync('/proc/self/status', 'utf8'))[1]));`;
    const [, kilobytes] = (await inChild({}, PREPARE + size)) as [string, number];
    // Room for the copy of the samples, and half of the rest.
    expectRecovery(await runChild({ LIMIT: String(kilobytes + 100_000) }, SCRIPT));
  });

  it('is an error where a control group limits it, and does not end the process', async function () {
    const group = cgroup(380 * 2 ** 20);
    if (typeof group === 'string') {
      console.log(`      skipped: ${group}`);
      this.skip();
    }
    try {
      const join = `require('fs').writeFileSync(${JSON.stringify(group.procs)}, String(process.pid));`;
      const ran = await runChild({}, join + SCRIPT);
      expectRecovery(ran);
    } finally {
      group.remove();
    }
  });
});

/** Makes a control group (v1 or v2) with a limit in bytes. Returns the reason if that is not possible. */
function cgroup(bytes: number): { procs: string; remove(): void } | string {
  const v1 = '/sys/fs/cgroup/memory';
  for (const [mount, file] of [
    [v1, 'memory.limit_in_bytes'],
    ['/sys/fs/cgroup', 'memory.max'],
  ] as const) {
    const folder = path.join(mount, `emotion2vec-test-${process.pid}`);
    try {
      mkdirSync(folder);
      try {
        writeFileSync(path.join(folder, file), String(bytes));
        execFileSync('sh', ['-c', `true; test -w ${folder}/cgroup.procs`]);
        return { procs: path.join(folder, 'cgroup.procs'), remove: () => rmdirSync(folder) };
      } catch {
        rmdirSync(folder);
      }
    } catch {
      // try the next one
    }
  }
  return 'control groups cannot be created here';
}
