import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';

import { EmotionError } from '../../lib/shared/errors.js';
import { Scheduler } from '../../lib/scheduler/scheduler.js';
import type { RequestOptions } from '../../lib/scheduler/run.js';
import { FakeRunner, settled } from '../support/fake-runner.js';

const isCoded = (code: string) => (error: unknown) => error instanceof EmotionError && error.code === code;

describe('the scheduler', () => {
  let scheduler: Scheduler<string, string>;
  beforeEach(() => {
    scheduler = new Scheduler({ maxRequests: 100 });
  });
  const request = (runner: FakeRunner, clip: string, size = 10, options: RequestOptions = {}) =>
    scheduler.request(async ({ run }) => (await run(runner, clip, size)).output, options);

  it('hands over one clip in advance, and batches what has been queued by the time that a slot is free', async () => {
    const runner = new FakeRunner({ maxBatch: 8 });
    const requests = ['a', 'b', 'c', 'd', 'e'].map((clip) => request(runner, clip));
    assert.deepEqual(runner.batches, ['a', 'b']);
    runner.runs[0]!.finish();
    await settled();
    assert.deepEqual(runner.batches, ['a', 'b', 'c+d+e']);
    for (const run of runner.runs) run.finish();
    assert.deepEqual(await Promise.all(requests), ['A', 'B', 'C', 'D', 'E']);
    assert.deepEqual(scheduler.statistics.batchSize.max, 3);
  });

  it('runs as many batches at once as the runner allows', () => {
    const runner = new FakeRunner({ parallel: 3 });
    for (const clip of ['a', 'b', 'c', 'd', 'e', 'f']) void request(runner, clip);
    assert.deepEqual(runner.batches, ['a', 'b', 'c', 'd']);
  });

  it('does not hand over a long clip in advance', async () => {
    const runner = new FakeRunner({ maxPadded: 100 });
    void request(runner, 'long1', 1000);
    void request(runner, 'long2', 1000);
    assert.deepEqual(runner.batches, ['long1']);
    void request(runner, 'short', 10);
    assert.deepEqual(runner.batches, ['long1', 'short']);
    runner.runs[0]!.finish();
    runner.runs[1]!.finish();
    await settled();
    assert.deepEqual(runner.batches, ['long1', 'short', 'long2']);
  });

  it('waits for more clips only with batchDelayMs', async () => {
    scheduler = new Scheduler({ maxRequests: 100, batchDelayMs: 20 });
    const [runner, single] = [new FakeRunner({ maxBatch: 3 }), new FakeRunner()];
    void request(runner, 'a');
    void request(runner, 'b');
    assert.deepEqual(runner.batches, []);
    await new Promise((resolve) => setTimeout(resolve, 40));
    assert.deepEqual(runner.batches, ['a+b']);
    for (const clip of ['c', 'd', 'e']) void request(runner, clip);
    assert.deepEqual(runner.batches, ['a+b', 'c+d+e'], 'a full batch does not wait');
    void request(single, 'x');
    runner.runs[0]!.finish();
    await settled();
    assert.deepEqual(single.batches, ['x'], 'a clip that cannot share a batch does not wait');
  });

  it('repeats a batch that failed clip by clip, so that one bad clip fails alone', async () => {
    const runner = new FakeRunner({ maxBatch: 8 });
    const requests = ['a', 'b', 'good1', 'bad', 'good2'].map((clip) => request(runner, clip));
    const outcomes = Promise.allSettled(requests);
    const broken = new Error('out of memory');
    runner.runs[0]!.finish();
    await settled();
    for (let i = 1; i < 6; i++) {
      const run = runner.runs[i]!;
      if (run.clips.includes('bad')) run.fail(broken);
      else run.finish();
      await settled();
    }
    assert.deepEqual(runner.batches, ['a', 'b', 'good1+bad+good2', 'good1', 'bad', 'good2']);
    const outcomesOf = (await outcomes).map((outcome) =>
      outcome.status === 'fulfilled' ? outcome.value : (outcome.reason as Error),
    );
    assert.deepEqual(outcomesOf, ['A', 'B', 'GOOD1', broken, 'GOOD2']);
    const { done, failed, running, queued } = scheduler.statistics;
    assert.deepEqual({ done, failed, running, queued }, { done: 4, failed: 1, running: 0, queued: 0 });
  });

  it('runs no further clips of a request that failed', async () => {
    const runner = new FakeRunner();
    const broken = new Error('broken');
    const failing = scheduler.request(({ run }) =>
      Promise.all(['first', 'handed over', 'queued'].map((clip) => run(runner, clip, 10))),
    );
    const other = request(runner, 'other');
    runner.runs[0]!.fail(broken);
    await assert.rejects(failing, broken);
    assert.equal(runner.runs[1]!.signal.aborted, true);
    runner.runs[1]!.finish();
    await settled();
    runner.runs[2]!.finish();
    assert.equal(await other, 'OTHER');
    assert.deepEqual(runner.batches, ['first', 'handed over', 'other']);
    const { failed, done, cancelled } = scheduler.statistics;
    assert.deepEqual({ failed, done, cancelled }, { failed: 1, done: 1, cancelled: 0 });
  });

  it('drops a queued clip at once when its request is aborted, together with its listeners', async () => {
    const runner = new FakeRunner();
    const controller = new AbortController();
    const requests = ['a', 'b'].map((clip) => request(runner, clip));
    const aborted = request(runner, 'c', 10, { signal: controller.signal });
    const last = request(runner, 'd');
    const reason = new Error('gone');
    controller.abort(reason);
    await assert.rejects(aborted, reason);
    assert.equal(scheduler.statistics.queued, 1);
    assert.equal(getEventListeners(controller.signal, 'abort').length, 0);
    for (let i = 0; i < 3; i++) {
      runner.runs[i]!.finish();
      await settled();
    }
    assert.deepEqual(await Promise.all([...requests, last]), ['A', 'B', 'D']);
    assert.deepEqual(runner.batches, ['a', 'b', 'd']);
  });

  it('aborts a batch only once no clip of it is needed', async () => {
    const runner = new FakeRunner({ maxBatch: 2 });
    const [first, second] = [new AbortController(), new AbortController()];
    void request(runner, 'x');
    void request(runner, 'y');
    const requests = [first, second].map(({ signal }, i) => request(runner, `c${i}`, 10, { signal }));
    const outcomes = Promise.allSettled(requests);
    runner.runs[0]!.finish();
    await settled();
    const batch = runner.runs[2]!;
    assert.equal(batch.clips.length, 2);
    first.abort();
    assert.equal(batch.signal.aborted, false);
    second.abort();
    assert.equal(batch.signal.aborted, true);
    batch.fail(new Error('aborted'));
    await outcomes;
    await settled();
    assert.equal(runner.runs.length, 3, 'an aborted batch is not repeated');
    assert.equal(scheduler.statistics.cancelled, 2);
  });

  it('counts both waiting and running against the deadline of a request', async () => {
    const runner = new FakeRunner();
    void request(runner, 'a');
    void request(runner, 'b');
    const waiting = request(runner, 'waits', 10, { timeoutMs: 20 });
    await assert.rejects(waiting, isCoded('ERR_TIMEOUT'));
    runner.runs[0]!.finish();
    runner.runs[1]!.finish();
    await settled();
    await assert.rejects(request(runner, 'runs', 10, { timeoutMs: 20 }), isCoded('ERR_TIMEOUT'));
    assert.deepEqual(runner.batches, ['a', 'b', 'runs']);
  });

  it('refuses a request beyond its limit at once, or lets it wait for room', async () => {
    scheduler = new Scheduler({ maxRequests: 2 });
    const runner = new FakeRunner();
    const first = request(runner, 'a');
    void request(runner, 'b');
    await assert.rejects(request(runner, 'c'), isCoded('ERR_QUEUE_FULL'));
    const patient = ['d', 'e'].map((clip) => request(runner, clip, 10, { wait: true }));
    const controller = new AbortController();
    const leaves = request(runner, 'f', 10, { wait: true, signal: controller.signal });
    controller.abort(new Error('left'));
    await assert.rejects(leaves, /left/);
    assert.equal(scheduler.pending, 2);
    runner.runs[0]!.finish();
    await first;
    await settled();
    assert.deepEqual(runner.batches, ['a', 'b', 'd']);
    runner.runs[1]!.finish();
    runner.runs[2]!.finish();
    await settled();
    runner.runs[3]!.finish();
    assert.deepEqual(await Promise.all(patient), ['D', 'E']);
    assert.equal(scheduler.statistics.rejected, 1);
  });

  it('ends requests with ERR_CLOSED when it closes, including those that wait for room', async () => {
    scheduler = new Scheduler({ maxRequests: 3 });
    const runner = new FakeRunner();
    const requests = ['runs', 'is handed over', 'waits', 'has no room'].map((clip) =>
      request(runner, clip, 10, { wait: true }),
    );
    const outcomes = Promise.allSettled(requests);
    scheduler.close();
    for (const outcome of await outcomes) {
      assert.ok(outcome.status === 'rejected' && isCoded('ERR_CLOSED')(outcome.reason));
    }
    await assert.rejects(request(runner, 'late'), isCoded('ERR_CLOSED'));
    assert.equal(scheduler.pending, 0);
  });

  it('drains: requests under way finish, new ones are refused, and a close in between ends them', async () => {
    const runner = new FakeRunner();
    const requests = ['a', 'b', 'c'].map((clip) => request(runner, clip));
    let drained = false;
    const draining = scheduler.drain().then(() => (drained = true));
    await assert.rejects(request(runner, 'late'), isCoded('ERR_CLOSED'));
    runner.runs[0]!.finish();
    runner.runs[1]!.finish();
    await settled();
    assert.equal(drained, false);
    runner.runs[2]!.finish();
    await draining;
    assert.deepEqual(await Promise.all(requests), ['A', 'B', 'C']);

    scheduler = new Scheduler({ maxRequests: 3 });
    const stuck = request(runner, 'stuck');
    const second = scheduler.drain();
    scheduler.close();
    await assert.rejects(stuck, isCoded('ERR_CLOSED'));
    await second;
  });
});
