/** The scheduler against a model of it so simple that it can be checked by eye: 10,000 random operations. */
import assert from 'node:assert/strict';

import fc from 'fast-check';

import { Scheduler } from '../../lib/scheduler/scheduler.js';
import { FakeLane, type FakeRun, settled } from '../support/fake-lane.js';

const MAX_CALLS = 12;
const PADDED = 60;
const LIMITS = [
  { parallel: 1, maxBatch: 4, maxPadded: PADDED },
  { parallel: 2, maxBatch: 1, maxPadded: PADDED },
];

interface Waiting {
  name: string;
  lane: number;
  size: number;
  priority: number;
  due: number;
}

interface Running {
  /** Those of the batch whose turn is still to come: all at first, one after the other once it has failed. */
  rest: string[];
  /** What the lane has now. */
  now: string[];
}

/** Lists and loops; what the scheduler is told, this is told too. */
class Model {
  waiting: Waiting[] = [];
  running: Running[] = [];
  begun: string[] = [];
  live = new Set<string>();
  clock = 0;
  closed = false;
  counts = { done: 0, failed: 0, rejected: 0, cancelled: 0 };

  call(job: Omit<Waiting, 'due'>): 'taken' | 'full' | 'closed' {
    if (this.closed) return 'closed';
    if (this.live.size >= MAX_CALLS) {
      this.counts.rejected++;
      return 'full';
    }
    this.live.add(job.name);
    this.waiting.push({ ...job, due: this.clock + 4 * job.size });
    this.dispatch();
    return 'taken';
  }

  abort(name: string): void {
    if (!this.live.delete(name)) return;
    this.counts.cancelled++;
    this.waiting = this.waiting.filter((job) => job.name !== name);
  }

  end(batch: Running, failed: boolean): void {
    const alive = batch.now.filter((name) => this.live.has(name));
    if (!failed || batch.now.length === 1) {
      for (const name of alive) this.live.delete(name);
      this.counts[failed ? 'failed' : 'done'] += alive.length;
    } else {
      batch.rest = batch.now.slice();
    }
    this.next(batch);
  }

  /** The batch's next clip by itself, or the end of the batch. */
  next(batch: Running): void {
    batch.rest = batch.rest.filter((name) => this.live.has(name));
    const name = batch.rest.shift();
    if (name !== undefined) {
      batch.now = [name];
      this.begun.push(name);
      return;
    }
    this.running.splice(this.running.indexOf(batch), 1);
    this.dispatch();
  }

  dispatch(): void {
    for (;;) {
      const order = this.waiting.slice().sort((a, b) => b.priority - a.priority || a.due - b.due);
      const head = order[0];
      if (head === undefined) return;
      const { parallel, maxBatch } = LIMITS[head.lane]!;
      if (this.running.length >= parallel + (head.size <= PADDED ? 1 : 0)) return;
      const batch: Waiting[] = [];
      for (const job of order) {
        const sizes = [...batch, job].map(({ size }) => size);
        const [least, most] = [Math.min(...sizes), Math.max(...sizes)];
        const fits = least >= 0.75 * most && (batch.length === 0 || most * sizes.length <= PADDED);
        if (batch.length < maxBatch && job.lane === head.lane && job.priority === head.priority && fits)
          batch.push(job);
      }
      this.waiting = this.waiting.filter((job) => !batch.includes(job));
      this.clock += batch.reduce((sum, { size }) => sum + size, 0);
      const now = batch.map(({ name }) => name);
      this.running.push({ rest: [], now });
      this.begun.push(now.join('+'));
    }
  }

  close(): void {
    this.closed = true;
    for (const name of [...this.live]) this.abort(name);
  }
}

type Operation =
  | { kind: 'call'; lane: number; size: number; priority: number }
  | { kind: 'abort'; which: number }
  | { kind: 'end'; which: number; failed: boolean }
  | { kind: 'close' };

const operation: fc.Arbitrary<Operation> = fc.oneof(
  {
    weight: 50,
    arbitrary: fc.record({
      kind: fc.constant('call' as const),
      lane: fc.nat(1),
      size: fc.oneof(fc.integer({ min: 8, max: 30 }), fc.integer({ min: 1, max: 300 })),
      priority: fc.constantFrom(0, 0, 0, 1, -1),
    }),
  },
  {
    weight: 35,
    arbitrary: fc.record({ kind: fc.constant('end' as const), which: fc.nat(100), failed: fc.boolean() }),
  },
  { weight: 15, arbitrary: fc.record({ kind: fc.constant('abort' as const), which: fc.nat(100) }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'close' as const }) },
);

/** Plays the operations to both, and compares them after each. */
async function play(operations: readonly Operation[]): Promise<void> {
  const scheduler = new Scheduler<string, string>({ maxCalls: MAX_CALLS });
  const model = new Model();
  const began: FakeRun[] = [];
  const lanes = LIMITS.map((limits) => new FakeLane(limits));
  for (const lane of lanes) {
    const run = lane.run.bind(lane);
    lane.run = (clips, signal) => {
      const running = run(clips, signal);
      began.push(lane.runs.at(-1)!);
      return running;
    };
  }
  const calls: { name: string; controller: AbortController }[] = [];
  const said = new Map<string, string>();
  for (const op of operations) {
    if (op.kind === 'call') {
      const name = `clip${calls.length}`;
      const controller = new AbortController();
      const expected = model.call({ name, lane: op.lane, size: op.size, priority: op.priority });
      scheduler
        .call(async ({ turn }) => (await turn(lanes[op.lane]!, name, op.size)).output, {
          signal: controller.signal,
          priority: op.priority,
        })
        .then(
          (output) => said.set(name, output),
          (error: { code?: string; message: string }) => said.set(name, error.code ?? error.message),
        );
      calls.push({ name, controller });
      await settled();
      if (expected !== 'taken') assert.equal(said.get(name), expected === 'full' ? 'ERR_QUEUE_FULL' : 'ERR_CLOSED');
    } else if (op.kind === 'abort') {
      const call = calls[op.which % Math.max(1, calls.length)];
      call?.controller.abort(new Error('aborted'));
      if (call) model.abort(call.name);
      await settled();
    } else if (op.kind === 'end' && model.running.length > 0) {
      const batch = model.running[op.which % model.running.length]!;
      const run = began.find(({ clips }) => clips.join() === batch.now.join())!;
      began.splice(began.indexOf(run), 1);
      const names = batch.now.filter((name) => model.live.has(name));
      const single = batch.now.length === 1;
      model.end(batch, op.failed);
      if (op.failed) run.fail(new Error('failed'));
      else run.finish();
      await settled();
      if (!op.failed) for (const name of names) assert.equal(said.get(name), name.toUpperCase());
      else if (single) for (const name of names) assert.equal(said.get(name), 'failed');
    } else if (op.kind === 'close') {
      model.close();
      scheduler.close();
      await settled();
    }
    // A clip appears as often as it was begun: alone again after its batch failed.
    const begun = lanes.flatMap(({ batches }) => batches);
    assert.deepEqual(begun.toSorted(), model.begun.toSorted());
    const { done, failed, rejected, cancelled, queued, running } = scheduler.stats;
    assert.deepEqual({ done, failed, rejected, cancelled }, model.counts);
    const inModel = model.running.flatMap(({ now, rest }) => [...now, ...rest]).filter((name) => model.live.has(name));
    assert.deepEqual({ running, queued }, { running: inModel.length, queued: model.live.size - inModel.length });
  }
  scheduler.close();
  for (const run of began) run.finish();
  await settled();
  assert.equal(said.size, calls.length, 'every call has settled');
  assert.equal(scheduler.pending, 0);
}

describe('the scheduler, beside a simple model of it', () => {
  it('does the same in 10,000 random operations', async () => {
    let operations = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(operation, { maxLength: 300, size: 'max' }), async (list) => {
        operations += list.length;
        await play(list);
      }),
      { numRuns: 150 },
    );
    assert.ok(operations >= 10_000, `${operations}`);
  });
});
