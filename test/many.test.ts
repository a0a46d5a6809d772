import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';

import { mapMany } from '../lib/recognition/many.js';
import { settled } from './support/fake-runner.js';

/** Work that ends when the test says so. */
class Workshop {
  readonly running = new Map<number, { finish: () => void; fail: (error: Error) => void; signal: AbortSignal }>();
  readonly work = (input: number, signal: AbortSignal): Promise<string> =>
    new Promise((resolve, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason as Error));
      this.running.set(input, { finish: () => resolve(`result ${input}`), fail: reject, signal });
    });
}

describe('mapping many inputs', () => {
  let shop: Workshop;
  beforeEach(() => (shop = new Workshop()));
  const numbers = function* (count: number, pulled: number[] = []) {
    for (let i = 0; i < count; i++) {
      pulled.push(i);
      yield i;
    }
  };
  const options = { ahead: () => 3, ordered: true };

  it('reads no further ahead than it may', async () => {
    const pulled: number[] = [];
    const many = mapMany(numbers(10, pulled), shop.work, options);
    const first = many.next();
    await settled();
    assert.deepEqual(pulled, [0, 1, 2]);
    shop.running.get(1)!.finish();
    await settled();
    assert.deepEqual(pulled, [0, 1, 2], 'what is done and not taken counts');
    shop.running.get(0)!.finish();
    assert.deepEqual((await first).value, { input: 0, result: 'result 0' });
    await many.return();
  });

  it('gives results in order, or as they come', async () => {
    for (const ordered of [true, false]) {
      shop = new Workshop();
      const many = mapMany(numbers(3), shop.work, { ...options, ordered });
      const first = many.next();
      await settled();
      shop.running.get(2)!.finish();
      await settled();
      shop.running.get(0)!.finish();
      await settled();
      shop.running.get(1)!.fail(new Error('broken'));
      const inputs = [(await first).value!.input];
      for await (const { input, result, error } of many) {
        inputs.push(input);
        assert.equal(result ?? (error as Error).message, input === 1 ? 'broken' : `result ${input}`);
      }
      assert.deepEqual(inputs, ordered ? [0, 1, 2] : [2, 0, 1]);
    }
  });

  it('gives a result while the source has nothing new', async () => {
    async function* slow() {
      yield 0;
      await new Promise(() => {});
    }
    const many = mapMany(slow(), shop.work, options);
    const first = many.next();
    await settled();
    shop.running.get(0)!.finish();
    assert.equal((await first).value!.result, 'result 0');
    await many.return(); // and it ends, although the source never answers
  });

  it('aborts what is under way and closes the source when the loop is left', async () => {
    let closed = false;
    async function* source() {
      await settled();
      try {
        yield* numbers(10);
      } finally {
        closed = true;
      }
    }
    const many = mapMany(source(), shop.work, options);
    const first = many.next();
    await settled();
    shop.running.get(0)!.finish();
    await first;
    await many.return();
    assert.equal(closed, true);
    assert.deepEqual([shop.running.get(1)!.signal.aborted, shop.running.get(2)!.signal.aborted], [true, true]);
  });

  it('gives what is under way before it throws what the source threw', async () => {
    function* breaks() {
      yield 0;
      throw new Error('the source broke');
    }
    const many = mapMany(breaks(), shop.work, options);
    const first = many.next();
    await settled();
    shop.running.get(0)!.finish();
    assert.equal((await first).value!.result, 'result 0');
    await assert.rejects(many.next(), /the source broke/);
  });

  it('takes no path and no bytes for a list', async () => {
    for (const wrong of ['call.wav', Buffer.from('RIFF'), 7, null]) {
      await assert.rejects(mapMany(wrong as never, shop.work, options).next(), {
        name: 'TypeError',
        message: /The inputs must be an iterable/,
      });
    }
  });

  it("ends with the signal's reason, and leaves no listener", async () => {
    const controller = new AbortController();
    const many = mapMany(numbers(10), shop.work, { ...options, signal: controller.signal });
    const first = many.next();
    await settled();
    controller.abort(new Error('enough'));
    await assert.rejects(first, /enough/);
    assert.equal(shop.running.get(2)!.signal.aborted, true);
    assert.equal(getEventListeners(controller.signal, 'abort').length, 0);
  });
});
