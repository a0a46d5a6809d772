import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { decodeAudio } from '../../lib/audio/decode.js';
import { CLIP_SECONDS, syntheticClip } from '../../lib/doctor/probe/clip.js';
import { probe } from '../../lib/doctor/probe/probe.js';
import type { LoaderReport, RecognitionReport } from '../../lib/doctor/probe/protocol.js';
import { resolveModel } from '../../lib/model/manifest.js';

/** Real crashes. A module that is preloaded into the probe causes them when the addon is opened. */
describe("the doctor's probes", () => {
  let folder: string;
  before(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'emotion2vec-'));
  });
  after(() => rmSync(folder, { recursive: true }));

  const preload = (name: string, statement: string): Record<string, string> => {
    const file = path.join(folder, `${name}.js`);
    const script = `const { dlopen } = process; process.dlopen = function (target, file, ...rest) {
      if (file.endsWith('libemotion2vec_torch.so')) { ${statement} }
      return dlopen.call(process, target, file, ...rest);
    };`;
    writeFileSync(file, script);
    return { NODE_OPTIONS: `--require=${file}` };
  };
  const recognition = (env: Record<string, string> = {}, timeoutMs = 60_000) =>
    probe<RecognitionReport>(
      { kind: 'recognition', model: resolveModel(undefined), device: 'cpu' },
      { timeoutMs, env },
    );

  it('report what the loader addon reports', async () => {
    const outcome = await probe<LoaderReport>({ kind: 'loader' }, { timeoutMs: 60_000 });
    assert.equal(outcome.end, 'done');
    const { usableCpus, memory, driver } = outcome.report;
    assert.ok(usableCpus >= 1);
    assert.ok(memory.availableBytes > 1e6);
    assert.ok(['ready', 'missing', 'failed'].includes(driver.state));
  });

  it('recognize a clip', async () => {
    const outcome = await recognition();
    assert.equal(outcome.end, 'done', JSON.stringify(outcome));
    const { clipMs, clipSeconds, modelMs, libtorchMs, peakBytes, scores, ...rest } = outcome.report;
    for (const time of [clipMs, modelMs, libtorchMs]) assert.ok(time > 0);
    assert.equal(clipSeconds, 3);
    assert.ok(peakBytes > 50e6);
    assert.ok(Math.abs(Object.values(scores).reduce<number>((sum, value) => sum + value!, 0) - 1) < 1e-3);
    assert.deepEqual(rest, { device: 'cpu', precision: 'fp32', threads: 1 });
  });

  it('report the signal of a crash', async () => {
    const outcome = await recognition(preload('segv', "process.kill(process.pid, 'SIGSEGV')"));
    assert.ok(outcome.end === 'crashed');
    assert.deepEqual([outcome.stage, outcome.signal], ['libtorch', 'SIGSEGV']);
  });

  it('report the exit status, and the end of stderr', async () => {
    const stderr = 'node: symbol lookup error: x.so: undefined symbol: y';
    const outcome = await recognition(
      preload('exit', `require('fs').writeSync(2, ${JSON.stringify(stderr)}); process.exit(1)`),
    );
    assert.ok(outcome.end === 'crashed');
    assert.deepEqual([outcome.stage, outcome.signal, outcome.status, outcome.stderr], ['libtorch', null, 1, stderr]);
  });

  it('report an exit with status 0 before the work was done', async () => {
    const outcome = await recognition(preload('leave', 'process.exit(0)'));
    assert.ok(outcome.end === 'crashed');
    assert.deepEqual([outcome.stage, outcome.status], ['libtorch', 0]);
  });

  it('are ended where they hang', async () => {
    const outcome = await recognition(preload('hang', 'for (;;);'), 2000);
    assert.ok(outcome.end === 'hung');
    assert.deepEqual([outcome.stage, outcome.seconds], ['libtorch', 2]);
  });

  it('report an error with its code and its remedy', async () => {
    const outcome = await recognition({ LIBTORCH: folder });
    assert.ok(outcome.end === 'failed');
    assert.deepEqual([outcome.stage, outcome.problem.code], ['libtorch', 'ERR_LIBTORCH_MISSING']);
    assert.ok(outcome.problem.what.includes(folder) && outcome.problem.remedy!.includes('LIBTORCH'));
  });

  it('report a crash before the first stage', async () => {
    const file = path.join(folder, 'early.js');
    writeFileSync(file, "process.kill(process.pid, 'SIGABRT')");
    const outcome = await recognition({ NODE_OPTIONS: `--require=${file}` });
    assert.ok(outcome.end === 'crashed');
    assert.deepEqual([outcome.stage, outcome.signal], ['start', 'SIGABRT']);
  });

  it('do not wait for the processes that they started', async () => {
    // A process that keeps stderr open for a long time.
    const statement =
      "require('child_process').spawn('sleep', ['20'], { stdio: ['ignore', 'ignore', 'inherit'], detached: true }).unref(); process.exit(3)";
    const begin = performance.now();
    const outcome = await recognition(preload('orphan', statement));
    assert.ok(outcome.end === 'crashed' && outcome.status === 3);
    assert.ok(performance.now() - begin < 10_000);
  });

  it('use a clip that is audio', async () => {
    const { pcm, lease } = await decodeAudio(syntheticClip());
    lease.release();
    const { samples, sampleRate } = pcm;
    assert.deepEqual([samples.length, sampleRate], [CLIP_SECONDS * 16_000, 16_000]);
    const peak = samples.reduce((most, sample) => Math.max(most, Math.abs(sample)), 0);
    assert.ok(peak > 0.05 && peak < 1, String(peak));
  });
});
