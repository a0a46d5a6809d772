/** Compares the scheduler in 10,000 random operations with a model of it that is simple enough to be checked by reading. */
import assert from 'node:assert/strict';

import fc from 'fast-check';

import { Scheduler } from '../../lib/scheduler/scheduler.js';
import { FakeRunner, type FakeRun, settled } from '../support/fake-runner.js';

const MAX_REQUESTS = 12;
const PADDED = 60;
const LIMITS = [
  { parallel: 1, maxBatch: 4, maxPadded: PADDED },
  { parallel: 2, maxBatch: 1, maxPadded: PADDED },
];

interface Waiting {
  name: string;
  runner: number;
  size: number;
  priority: number;
  due: number;
}

interface Running {
  /** Clips of a failed batch that are still to be repeated alone. */
  rest: string[];
  /** Clips that the runner has now. */
  now: string[];
}

/** The model: lists and loops. It is given the same operations as the scheduler. */
class Model {
  waiting: Waiting[] = [];
  running: Running[] = [];
  started: string[] = [];
  live = new Set<string>();
  clock = 0;
  closed = false;
  counts = { done: 0, failed: 0, rejected: 0, cancelled: 0 };

  request(job: Omit<Waiting, 'due'>): 'taken' | 'full' | 'closed' {
    if (this.closed) return 'closed';
    if (this.live.size >= MAX_REQUESTS) {
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

  /** Starts the next clip of a failed batch alone, or ends the batch. */
  next(batch: Running): void {
    batch.rest = batch.rest.filter((name) => this.live.has(name));
    const name = batch.rest.shift();
    if (name !== undefined) {
      batch.now = [name];
      this.started.push(name);
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
      const { parallel, maxBatch } = LIMITS[head.runner]!;
      if (this.running.length >= parallel + (head.size <= PADDED ? 1 : 0)) return;
      const batch: Waiting[] = [];
      for (const job of order) {
        const sizes = [...batch, job].map(({ size }) => size);
        const [min, max] = [Math.min(...sizes), Math.max(...sizes)];
        const fits = min >= 0.75 * max && (batch.length === 0 || max * sizes.length <= PADDED);
        if (batch.length < maxBatch && job.runner === head.runner && job.priority === head.priority && fits)
          batch.push(job);
      }
      this.waiting = this.waiting.filter((job) => !batch.includes(job));
      this.clock += batch.reduce((sum, { size }) => sum + size, 0);
      const now = batch.map(({ name }) => name);
      this.running.push({ rest: [], now });
      this.started.push(now.join('+'));
    }
  }

  close(): void {
    this.closed = true;
    for (const name of [...this.live]) this.abort(name);
  }
}

type Operation =
  | { kind: 'request'; runner: number; size: number; priority: number }
  | { kind: 'abort'; which: number }
  | { kind: 'end'; which: number; failed: boolean }
  | { kind: 'close' };

const operation: fc.Arbitrary<Operation> = fc.oneof(
  {
    weight: 50,
    arbitrary: fc.record({
      kind: fc.constant('request' as const),
      runner: fc.nat(1),
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

/** Applies the operations to both, and compares them after each. */
async function play(operations: readonly Operation[]): Promise<void> {
  const scheduler = new Scheduler<string, string>({ maxRequests: MAX_REQUESTS });
  const model = new Model();
  const fakeRuns: FakeRun[] = [];
  const runners = LIMITS.map((limits) => new FakeRunner(limits));
  for (const runner of runners) {
    const run = runner.run.bind(runner);
    runner.run = (clips, signal) => {
      const running = run(clips, signal);
      fakeRuns.push(runner.runs.at(-1)!);
      return running;
    };
  }
  const requests: { name: string; controller: AbortController }[] = [];
  const outcomes = new Map<string, string>();
  for (const op of operations) {
    if (op.kind === 'request') {
      const name = `clip${requests.length}`;
      const controller = new AbortController();
      const expected = model.request({ name, runner: op.runner, size: op.size, priority: op.priority });
      scheduler
        .request(async ({ run }) => (await run(runners[op.runner]!, name, op.size)).output, {
          signal: controller.signal,
          priority: op.priority,
        })
        .then(
          (output) => outcomes.set(name, output),
          (error: { code?: string; message: string }) => outcomes.set(name, error.code ?? error.message),
        );
      requests.push({ name, controller });
      await settled();
      if (expected !== 'taken') assert.equal(outcomes.get(name), expected === 'full' ? 'ERR_QUEUE_FULL' : 'ERR_CLOSED');
    } else if (op.kind === 'abort') {
      const request = requests[op.which % Math.max(1, requests.length)];
      request?.controller.abort(new Error('aborted'));
      if (request) model.abort(request.name);
      await settled();
    } else if (op.kind === 'end' && model.running.length > 0) {
      const batch = model.running[op.which % model.running.length]!;
      const run = fakeRuns.find(({ clips }) => clips.join() === batch.now.join())!;
      fakeRuns.splice(fakeRuns.indexOf(run), 1);
      const names = batch.now.filter((name) => model.live.has(name));
      const single = batch.now.length === 1;
      model.end(batch, op.failed);
      if (op.failed) run.fail(new Error('failed'));
      else run.finish();
      await settled();
      if (!op.failed) for (const name of names) assert.equal(outcomes.get(name), name.toUpperCase());
      else if (single) for (const name of names) assert.equal(outcomes.get(name), 'failed');
    } else if (op.kind === 'close') {
      model.close();
      scheduler.close();
      await settled();
    }
    // A clip appears as often as it was started: a second time, alone, after its batch failed.
    const started = runners.flatMap(({ batches }) => batches);
    assert.deepEqual(started.toSorted(), model.started.toSorted());
    const { done, failed, rejected, cancelled, queued, running } = scheduler.statistics;
    assert.deepEqual({ done, failed, rejected, cancelled }, model.counts);
    const inModel = model.running.flatMap(({ now, rest }) => [...now, ...rest]).filter((name) => model.live.has(name));
    assert.deepEqual({ running, queued }, { running: inModel.length, queued: model.live.size - inModel.length });
  }
  scheduler.close();
  for (const run of fakeRuns) run.finish();
  await settled();
  assert.equal(outcomes.size, requests.length, 'every request has settled');
  assert.equal(scheduler.pending, 0);
}

describe('the scheduler and a simple model of it', () => {
  it('agree after each of 10,000 random operations', async () => {
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
