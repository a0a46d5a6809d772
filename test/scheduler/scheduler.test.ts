import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';

import { EmotionError } from '../../lib/shared/errors.js';
import { Scheduler } from '../../lib/scheduler/scheduler.js';
import type { CallOptions } from '../../lib/scheduler/turn.js';
import { FakeLane, settled } from '../support/fake-lane.js';

const isCoded = (code: string) => (error: unknown) => error instanceof EmotionError && error.code === code;

describe('the scheduler', () => {
  let scheduler: Scheduler<string, string>;
  beforeEach(() => {
    scheduler = new Scheduler({ maxCalls: 100 });
  });
  const say = (lane: FakeLane, clip: string, size = 10, options: CallOptions = {}) =>
    scheduler.call(async ({ turn }) => (await turn(lane, clip, size)).output, options);

  it('hands one clip over beside those that run, and batches what has come by then', async () => {
    const lane = new FakeLane({ maxBatch: 8 });
    const calls = ['a', 'b', 'c', 'd', 'e'].map((clip) => say(lane, clip));
    assert.deepEqual(lane.batches, ['a', 'b']);
    lane.runs[0]!.finish();
    await settled();
    assert.deepEqual(lane.batches, ['a', 'b', 'c+d+e']);
    for (const run of lane.runs) run.finish();
    assert.deepEqual(await Promise.all(calls), ['A', 'B', 'C', 'D', 'E']);
    assert.deepEqual(scheduler.stats.batchSize.max, 3);
  });

  it('runs as many side by side as the lane takes', () => {
    const lane = new FakeLane({ parallel: 3 });
    for (const clip of ['a', 'b', 'c', 'd', 'e', 'f']) void say(lane, clip);
    assert.deepEqual(lane.batches, ['a', 'b', 'c', 'd']);
  });

  it('hands no long clip over ahead of its turn', async () => {
    const lane = new FakeLane({ maxPadded: 100 });
    void say(lane, 'long1', 1000);
    void say(lane, 'long2', 1000);
    assert.deepEqual(lane.batches, ['long1']);
    void say(lane, 'short', 10);
    assert.deepEqual(lane.batches, ['long1', 'short']);
    lane.runs[0]!.finish();
    lane.runs[1]!.finish();
    await settled();
    assert.deepEqual(lane.batches, ['long1', 'short', 'long2']);
  });

  it('waits for companions only where it is told to', async () => {
    scheduler = new Scheduler({ maxCalls: 100, batchDelayMs: 20 });
    const [lane, single] = [new FakeLane({ maxBatch: 3 }), new FakeLane()];
    void say(lane, 'a');
    void say(lane, 'b');
    assert.deepEqual(lane.batches, []);
    await new Promise((resolve) => setTimeout(resolve, 40));
    assert.deepEqual(lane.batches, ['a+b']);
    for (const clip of ['c', 'd', 'e']) void say(lane, clip);
    assert.deepEqual(lane.batches, ['a+b', 'c+d+e'], 'a full batch waits for nobody');
    void say(single, 'x');
    lane.runs[0]!.finish();
    await settled();
    assert.deepEqual(single.batches, ['x'], 'what cannot share a batch does not wait');
  });

  it('repeats a batch that failed clip by clip: a neighbour costs nobody his result', async () => {
    const lane = new FakeLane({ maxBatch: 8 });
    const calls = ['a', 'b', 'good1', 'bad', 'good2'].map((clip) => say(lane, clip));
    const outcomes = Promise.allSettled(calls);
    const broken = new Error('out of memory');
    lane.runs[0]!.finish();
    await settled();
    for (let i = 1; i < 6; i++) {
      const run = lane.runs[i]!;
      if (run.clips.includes('bad')) run.fail(broken);
      else run.finish();
      await settled();
    }
    assert.deepEqual(lane.batches, ['a', 'b', 'good1+bad+good2', 'good1', 'bad', 'good2']);
    const said = (await outcomes).map((outcome) =>
      outcome.status === 'fulfilled' ? outcome.value : (outcome.reason as Error),
    );
    assert.deepEqual(said, ['A', 'B', 'GOOD1', broken, 'GOOD2']);
    const { done, failed, running, queued } = scheduler.stats;
    assert.deepEqual({ done, failed, running, queued }, { done: 4, failed: 1, running: 0, queued: 0 });
  });

  it('runs no further clips of a call that failed', async () => {
    const lane = new FakeLane();
    const broken = new Error('broken');
    const failing = scheduler.call(({ turn }) =>
      Promise.all(['first', 'handed over', 'waits'].map((clip) => turn(lane, clip, 10))),
    );
    const other = say(lane, 'other');
    lane.runs[0]!.fail(broken);
    await assert.rejects(failing, broken);
    assert.equal(lane.runs[1]!.signal.aborted, true);
    lane.runs[1]!.finish();
    await settled();
    lane.runs[2]!.finish();
    assert.equal(await other, 'OTHER');
    assert.deepEqual(lane.batches, ['first', 'handed over', 'other']);
    const { failed, done, cancelled } = scheduler.stats;
    assert.deepEqual({ failed, done, cancelled }, { failed: 1, done: 1, cancelled: 0 });
  });

  it('drops what waits when it is aborted, at once and with its listeners', async () => {
    const lane = new FakeLane();
    const controller = new AbortController();
    const calls = ['a', 'b'].map((clip) => say(lane, clip));
    const aborted = say(lane, 'c', 10, { signal: controller.signal });
    const last = say(lane, 'd');
    const reason = new Error('gone');
    controller.abort(reason);
    await assert.rejects(aborted, reason);
    assert.equal(scheduler.stats.queued, 1);
    assert.equal(getEventListeners(controller.signal, 'abort').length, 0);
    for (let i = 0; i < 3; i++) {
      lane.runs[i]!.finish();
      await settled();
    }
    assert.deepEqual(await Promise.all([...calls, last]), ['A', 'B', 'D']);
    assert.deepEqual(lane.batches, ['a', 'b', 'd']);
  });

  it('tells the lane when nobody wants a batch any more, not before', async () => {
    const lane = new FakeLane({ maxBatch: 2 });
    const [first, second] = [new AbortController(), new AbortController()];
    void say(lane, 'x');
    void say(lane, 'y');
    const calls = [first, second].map(({ signal }, i) => say(lane, `c${i}`, 10, { signal }));
    const outcomes = Promise.allSettled(calls);
    lane.runs[0]!.finish();
    await settled();
    const batch = lane.runs[2]!;
    assert.equal(batch.clips.length, 2);
    first.abort();
    assert.equal(batch.signal.aborted, false);
    second.abort();
    assert.equal(batch.signal.aborted, true);
    batch.fail(new Error('aborted'));
    await outcomes;
    await settled();
    assert.equal(lane.runs.length, 3, 'an unwanted batch is not repeated');
    assert.equal(scheduler.stats.cancelled, 2);
  });

  it('counts the time that a call waits and runs against its deadline', async () => {
    const lane = new FakeLane();
    void say(lane, 'a');
    void say(lane, 'b');
    const waiting = say(lane, 'waits', 10, { timeoutMs: 20 });
    await assert.rejects(waiting, isCoded('ERR_TIMEOUT'));
    lane.runs[0]!.finish();
    lane.runs[1]!.finish();
    await settled();
    await assert.rejects(say(lane, 'runs', 10, { timeoutMs: 20 }), isCoded('ERR_TIMEOUT'));
    assert.deepEqual(lane.batches, ['a', 'b', 'runs']);
  });

  it('refuses a call beyond its limit at once, or lets it wait for room', async () => {
    scheduler = new Scheduler({ maxCalls: 2 });
    const lane = new FakeLane();
    const first = say(lane, 'a');
    void say(lane, 'b');
    await assert.rejects(say(lane, 'c'), isCoded('ERR_QUEUE_FULL'));
    const patient = ['d', 'e'].map((clip) => say(lane, clip, 10, { wait: true }));
    const controller = new AbortController();
    const leaves = say(lane, 'f', 10, { wait: true, signal: controller.signal });
    controller.abort(new Error('left'));
    await assert.rejects(leaves, /left/);
    assert.equal(scheduler.pending, 2);
    lane.runs[0]!.finish();
    await first;
    await settled();
    assert.deepEqual(lane.batches, ['a', 'b', 'd']);
    lane.runs[1]!.finish();
    lane.runs[2]!.finish();
    await settled();
    lane.runs[3]!.finish();
    assert.deepEqual(await Promise.all(patient), ['D', 'E']);
    assert.equal(scheduler.stats.rejected, 1);
  });

  it('closes: calls under way end with ERR_CLOSED, those that wait for room too', async () => {
    scheduler = new Scheduler({ maxCalls: 3 });
    const lane = new FakeLane();
    const calls = ['runs', 'is handed over', 'waits', 'has no room'].map((clip) => say(lane, clip, 10, { wait: true }));
    const outcomes = Promise.allSettled(calls);
    scheduler.close();
    for (const outcome of await outcomes) {
      assert.ok(outcome.status === 'rejected' && isCoded('ERR_CLOSED')(outcome.reason));
    }
    await assert.rejects(say(lane, 'late'), isCoded('ERR_CLOSED'));
    assert.equal(scheduler.pending, 0);
  });

  it('drains: calls under way finish, new ones are refused, a close in between ends it', async () => {
    const lane = new FakeLane();
    const calls = ['a', 'b', 'c'].map((clip) => say(lane, clip));
    let drained = false;
    const draining = scheduler.drain().then(() => (drained = true));
    await assert.rejects(say(lane, 'late'), isCoded('ERR_CLOSED'));
    lane.runs[0]!.finish();
    lane.runs[1]!.finish();
    await settled();
    assert.equal(drained, false);
    lane.runs[2]!.finish();
    await draining;
    assert.deepEqual(await Promise.all(calls), ['A', 'B', 'C']);

    scheduler = new Scheduler({ maxCalls: 3 });
    const stuck = say(lane, 'stuck');
    const second = scheduler.drain();
    scheduler.close();
    await assert.rejects(stuck, isCoded('ERR_CLOSED'));
    await second;
  });

  describe('when memory runs out', () => {
    const full = () => new EmotionError('ERR_OUT_OF_MEMORY', 'memory ran out');
    /** Fails every run that is under way, or lets it finish where it is of so many clips at most. */
    const end = async (lane: FakeLane, fits: number): Promise<void> => {
      for (const run of lane.runs) {
        if (run.clips.length <= fits) run.finish();
        else run.fail(full());
      }
      await settled();
    };

    it('halves the batch until it fits, and everybody is answered', async () => {
      const lane = new FakeLane({ maxBatch: 8 });
      const calls = [...'xy', ...'abcdefgh'].map((clip) => say(lane, clip, 10));
      for (let i = 0; i < 10; i++) await end(lane, 2);
      assert.deepEqual(lane.batches, ['x', 'y', 'a+b+c+d+e+f+g+h', 'a+b+c+d', 'a+b', 'c+d', 'e+f+g+h', 'e+f', 'g+h']);
      assert.deepEqual(await Promise.all(calls), ['X', 'Y', ...'ABCDEFGH']);
      assert.equal(scheduler.stats.failed, 0);
    });

    it('tries a clip again when nothing else runs, and begins nothing before', async () => {
      const lane = new FakeLane({ parallel: 2 });
      const calls = [...'abcd'].map((clip) => say(lane, clip));
      assert.deepEqual(lane.batches, ['a', 'b', 'c']);
      lane.runs[0]!.fail(full());
      await settled();
      lane.runs[1]!.finish();
      await settled();
      assert.deepEqual(lane.batches, ['a', 'b', 'c'], 'c still runs');
      lane.runs[2]!.finish();
      await settled();
      assert.deepEqual(lane.batches, ['a', 'b', 'c', 'a'], 'a, by itself');
      lane.runs[3]!.finish();
      await settled();
      lane.runs[4]!.finish();
      assert.deepEqual(await Promise.all(calls), ['A', 'B', 'C', 'D']);
    });

    it('gives up with the error when a clip by itself does not fit, and the others go on', async () => {
      const lane = new FakeLane({ parallel: 2 });
      const calls = [...'ab'].map((clip) => say(lane, clip).catch((error: EmotionError) => error.code));
      await end(lane, 0);
      await settled();
      lane.runs[2]!.fail(full());
      await settled();
      lane.runs[3]!.finish();
      assert.deepEqual(await Promise.all(calls), ['ERR_OUT_OF_MEMORY', 'B']);
      assert.deepEqual([scheduler.stats.failed, scheduler.stats.done, scheduler.stats.queued], [1, 1, 0]);
    });

    it('drops a clip that was aborted while it waited to be alone', async () => {
      const lane = new FakeLane({ parallel: 2 });
      const controller = new AbortController();
      const a = say(lane, 'a', 10, { signal: controller.signal });
      const b = say(lane, 'b');
      lane.runs[0]!.fail(full());
      await settled();
      controller.abort(new Error('enough'));
      await assert.rejects(a, /enough/);
      lane.runs[1]!.finish();
      assert.equal(await b, 'B');
      await settled();
      assert.deepEqual(lane.batches, ['a', 'b']);
      assert.equal(await Promise.race([say(lane, 'c'), settled().then(() => lane.runs[2]?.finish())]), undefined);
    });

    it('goes on elsewhere, once', async () => {
      const [lane, other] = [new FakeLane(), new FakeLane()];
      const told: string[] = [];
      const call = (clip: string) =>
        scheduler.call(async ({ turn }) => {
          const fallback = (error: EmotionError) => (told.push(error.code), Promise.resolve(other));
          return (await turn(lane, clip, 10, { fallback })).output;
        });
      const [a, b] = [call('a'), call('b').catch((error: EmotionError) => error.code)];
      lane.runs[0]!.fail(full()); // beside b: to be tried again alone
      await settled();
      lane.runs[1]!.fail(full()); // alone by now
      for (let i = 0; i < 5; i++) await settled();
      lane.runs[2]!.fail(full());
      for (let i = 0; i < 5; i++) await settled();
      assert.deepEqual(
        [lane.batches, other.batches],
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
      assert.deepEqual(told, ['ERR_OUT_OF_MEMORY', 'ERR_OUT_OF_MEMORY']);
    });

    it('fails with what finding another place fails with', async () => {
      const lane = new FakeLane();
      const call = scheduler.call(async ({ turn }) => {
        const fallback = () => Promise.reject(new EmotionError('ERR_MODEL_LOAD', 'gone'));
        return (await turn(lane, 'a', 10, { fallback })).output;
      });
      lane.runs[0]!.fail(full());
      await assert.rejects(call, isCoded('ERR_MODEL_LOAD'));
    });
  });
});
