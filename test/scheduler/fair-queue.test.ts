import assert from 'node:assert/strict';

import { FairQueue, type Queued } from '../../lib/scheduler/fair-queue.js';

const batchKey = {};
interface Named extends Queued {
  name: string;
}
const job = (name: string, size: number, rest: Partial<Queued> = {}): Named => ({
  name,
  size,
  priority: 0,
  batchKey,
  ...rest,
});
const alone = { maxBatch: 1, maxPadded: 100 };
const names = (jobs: Named[]) => jobs.map(({ name }) => name).join(' ');
const drain = (queue: FairQueue<Named>, limits = alone) => {
  const order: string[] = [];
  while (queue.length > 0) order.push(names(queue.take(limits)));
  return order;
};
const filled = (...jobs: Named[]) => {
  const queue = new FairQueue<Named>();
  for (const each of jobs) queue.push(each);
  return queue;
};

describe('the fair queue', () => {
  it('serves jobs of the same size in order of arrival', () => {
    assert.deepEqual(drain(filled(job('a', 10), job('b', 10), job('c', 10))), ['a', 'b', 'c']);
  });

  it('lets a short clip overtake long windows', () => {
    assert.deepEqual(drain(filled(job('long1', 960), job('long2', 960), job('short', 48))), [
      'short',
      'long1',
      'long2',
    ]);
  });

  it('delays a long window by at most four times its size, however many short clips arrive', () => {
    const queue = filled(job('long', 960));
    let overtaken = 0;
    while (queue.head!.name !== 'long') queue.take(alone);
    for (;;) {
      queue.push(job('short', 48)); // one arrives for each one that is taken
      if (names(queue.take(alone)) === 'long') break;
      overtaken += 48;
    }
    assert.ok(overtaken > 0 && overtaken <= 4 * 960, `${overtaken} samples overtook`);
  });

  it('orders by priority first', () => {
    const queue = filled(job('low', 1, { priority: -1 }), job('normal', 10), job('high', 1000, { priority: 5 }));
    assert.deepEqual(drain(queue), ['high', 'normal', 'low']);
  });

  it('batches jobs of the same batch key and priority and of similar length', () => {
    const other = {};
    const queue = filled(
      job('a', 10),
      job('b', 11),
      job('other key', 10, { batchKey: other }),
      job('too long', 20),
      job('c', 12),
      job('low', 10, { priority: -1 }),
      job('too short', 8),
    );
    assert.deepEqual(drain(queue, { maxBatch: 8, maxPadded: 100 }), [
      'too short a',
      'other key',
      'b c',
      'too long',
      'low',
    ]);
  });

  it('limits the padded size of a batch, and takes a larger job alone', () => {
    const jobs = [job('a', 40), job('b', 40), job('c', 40), job('huge', 200)];
    assert.deepEqual(drain(filled(...jobs), { maxBatch: 8, maxPadded: 100 }), ['a b', 'c', 'huge']);
    assert.deepEqual(drain(filled(...jobs), { maxBatch: 8, maxPadded: 120 }), ['a b c', 'huge']);
    assert.deepEqual(drain(filled(...jobs), { maxBatch: 2, maxPadded: 120 }), ['a b', 'c', 'huge']);
  });

  it('removes a job', () => {
    const [a, b] = [job('a', 10), job('b', 10)];
    const queue = filled(a, b);
    assert.equal(queue.remove(a), true);
    assert.equal(queue.remove(a), false);
    assert.deepEqual(drain(queue), ['b']);
  });
});
