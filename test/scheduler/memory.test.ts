import assert from 'node:assert/strict';

import { EmotionError } from '../../lib/shared/errors.js';
import { Scheduler } from '../../lib/scheduler/scheduler.js';
import type { RequestOptions } from '../../lib/scheduler/run.js';
import { FakeRunner, settled } from '../support/fake-runner.js';

describe('the scheduler, when memory runs out,', () => {
  let scheduler: Scheduler<string, string>;
  beforeEach(() => {
    scheduler = new Scheduler({ maxRequests: 100 });
  });
  const request = (runner: FakeRunner, clip: string, size = 10, options: RequestOptions = {}) =>
    scheduler.request(async ({ run }) => (await run(runner, clip, size)).output, options);
  const full = () => new EmotionError('ERR_OUT_OF_MEMORY', 'memory ran out');
  /** Finishes every run of at most `fits` clips and fails the others. */
  const end = async (runner: FakeRunner, fits: number): Promise<void> => {
    for (const run of runner.runs) {
      if (run.clips.length <= fits) run.finish();
      else run.fail(full());
    }
    await settled();
  };

  it('halves the batch until it fits, and every request gets its result', async () => {
    const runner = new FakeRunner({ maxBatch: 8 });
    const requests = [...'xy', ...'abcdefgh'].map((clip) => request(runner, clip, 10));
    for (let i = 0; i < 10; i++) await end(runner, 2);
    assert.deepEqual(runner.batches, ['x', 'y', 'a+b+c+d+e+f+g+h', 'a+b+c+d', 'a+b', 'c+d', 'e+f+g+h', 'e+f', 'g+h']);
    assert.deepEqual(await Promise.all(requests), ['X', 'Y', ...'ABCDEFGH']);
    assert.equal(scheduler.statistics.failed, 0);
  });

  it('tries a clip again when nothing else runs, and starts nothing before', async () => {
    const runner = new FakeRunner({ parallel: 2 });
    const requests = [...'abcd'].map((clip) => request(runner, clip));
    assert.deepEqual(runner.batches, ['a', 'b', 'c']);
    runner.runs[0]!.fail(full());
    await settled();
    runner.runs[1]!.finish();
    await settled();
    assert.deepEqual(runner.batches, ['a', 'b', 'c'], 'c is still running');
    runner.runs[2]!.finish();
    await settled();
    assert.deepEqual(runner.batches, ['a', 'b', 'c', 'a'], 'a runs alone');
    runner.runs[3]!.finish();
    await settled();
    runner.runs[4]!.finish();
    assert.deepEqual(await Promise.all(requests), ['A', 'B', 'C', 'D']);
  });

  it('fails a clip that does not fit even alone, and continues with the others', async () => {
    const runner = new FakeRunner({ parallel: 2 });
    const requests = [...'ab'].map((clip) => request(runner, clip).catch((error: EmotionError) => error.code));
    await end(runner, 0);
    await settled();
    runner.runs[2]!.fail(full());
    await settled();
    runner.runs[3]!.finish();
    assert.deepEqual(await Promise.all(requests), ['ERR_OUT_OF_MEMORY', 'B']);
    assert.deepEqual([scheduler.statistics.failed, scheduler.statistics.done, scheduler.statistics.queued], [1, 1, 0]);
  });

  it('drops a clip that was aborted while it waited to run alone', async () => {
    const runner = new FakeRunner({ parallel: 2 });
    const controller = new AbortController();
    const a = request(runner, 'a', 10, { signal: controller.signal });
    const b = request(runner, 'b');
    runner.runs[0]!.fail(full());
    await settled();
    controller.abort(new Error('enough'));
    await assert.rejects(a, /enough/);
    runner.runs[1]!.finish();
    assert.equal(await b, 'B');
    await settled();
    assert.deepEqual(runner.batches, ['a', 'b']);
    assert.equal(await Promise.race([request(runner, 'c'), settled().then(() => runner.runs[2]?.finish())]), undefined);
  });

  it('continues on the fallback, once', async () => {
    const [runner, other] = [new FakeRunner(), new FakeRunner()];
    const codes: string[] = [];
    const withFallback = (clip: string) =>
      scheduler.request(async ({ run }) => {
        const fallback = (error: EmotionError) => (codes.push(error.code), Promise.resolve(other));
        return (await run(runner, clip, 10, { fallback })).output;
      });
    const [a, b] = [withFallback('a'), withFallback('b').catch((error: EmotionError) => error.code)];
    runner.runs[0]!.fail(full()); // beside b, so it is tried again alone
    await settled();
    runner.runs[1]!.fail(full()); // runs alone by now
    for (let i = 0; i < 5; i++) await settled();
    runner.runs[2]!.fail(full());
    for (let i = 0; i < 5; i++) await settled();
    assert.deepEqual(
      [runner.batches, other.batches],
      [
        ['a', 'b', 'a'],
        ['b', 'a'],
      ],
    );
    other.runs[0]!.fail(full());
    await settled();
    other.runs[1]!.finish();
    for (let i = 0; i < 5; i++) await settled();
    other.runs[2]!.fail(full());
    assert.deepEqual(await Promise.all([a, b]), ['A', 'ERR_OUT_OF_MEMORY']);
    assert.deepEqual(codes, ['ERR_OUT_OF_MEMORY', 'ERR_OUT_OF_MEMORY']);
  });

  it('fails with the error of the fallback', async () => {
    const runner = new FakeRunner();
    const failing = scheduler.request(async ({ run }) => {
      const fallback = () => Promise.reject(new EmotionError('ERR_MODEL_LOAD', 'gone'));
      return (await run(runner, 'a', 10, { fallback })).output;
    });
    runner.runs[0]!.fail(full());
    await assert.rejects(failing, { code: 'ERR_MODEL_LOAD' });
  });
});
