import assert from 'node:assert/strict';

import { endChild, ends, works } from '../support/exits.js';

const CHILDREN = Number(process.env['SOAK_CHILDREN'] ?? 500);

describe(`${CHILDREN} processes that end at random moments`, function () {
  this.timeout(0);

  it('never crash', async () => {
    const problems: string[] = [];
    const seed = Date.now() % 1e6;
    console.log(`      seed ${seed}`);
    let state = seed;
    const random = (below: number): number => {
      state = (state * 48271 + 11) % 2147483647;
      return state % below;
    };
    let started = 0;
    const work = async (): Promise<void> => {
      while (started < CHILDREN) {
        const i = started++;
        const problem = await endChild(works[i % works.length]!, ends[random(ends.length)]!, random(1200));
        if (problem !== undefined) problems.push(problem);
      }
    };
    await Promise.all([work(), work(), work()]); // more than the machine has cores, so that a process may be interrupted anywhere
    assert.deepEqual(problems, []);
  });
});
