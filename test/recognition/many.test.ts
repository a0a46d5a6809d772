import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';

import { mapMany } from '../../lib/recognition/many.js';
import { settled } from '../support/fake-runner.js';

/** Work that ends when the test ends it. */
class FakeWork {
  readonly running = new Map<number, { finish: () => void; fail: (error: Error) => void; signal: AbortSignal }>();
  readonly work = (input: number, signal: AbortSignal): Promise<string> =>
    new Promise((resolve, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason as Error));
      this.running.set(input, { finish: () => resolve(`result ${input}`), fail: reject, signal });
    });
}

describe('mapMany', () => {
  let fake: FakeWork;
  beforeEach(() => (fake = new FakeWork()));
  const numbers = function* (count: number, pulled: number[] = []) {
    for (let i = 0; i < count; i++) {
      pulled.push(i);
      yield i;
    }
  };
  const options = { ahead: () => 3, ordered: true };

  it('reads no more inputs ahead than it may', async () => {
    const pulled: number[] = [];
    const many = mapMany(numbers(10, pulled), fake.work, options);
    const first = many.next();
    await settled();
    assert.deepEqual(pulled, [0, 1, 2]);
    fake.running.get(1)!.finish();
    await settled();
    assert.deepEqual(pulled, [0, 1, 2], 'a result that was not taken counts');
    fake.running.get(0)!.finish();
    assert.deepEqual((await first).value, { input: 0, result: 'result 0' });
    await many.return();
  });

  it('yields results in order, or as they are completed', async () => {
    for (const ordered of [true, false]) {
      fake = new FakeWork();
      const many = mapMany(numbers(3), fake.work, { ...options, ordered });
      const first = many.next();
      await settled();
      fake.running.get(2)!.finish();
      await settled();
      fake.running.get(0)!.finish();
      await settled();
      fake.running.get(1)!.fail(new Error('broken'));
      const inputs = [(await first).value!.input];
      for await (const { input, result, error } of many) {
        inputs.push(input);
        assert.equal(result ?? (error as Error).message, input === 1 ? 'broken' : `result ${input}`);
      }
      assert.deepEqual(inputs, ordered ? [0, 1, 2] : [2, 0, 1]);
    }
  });

  it('yields a result while the source is idle', async () => {
    async function* slow() {
      yield 0;
      await new Promise(() => {});
    }
    const many = mapMany(slow(), fake.work, options);
    const first = many.next();
    await settled();
    fake.running.get(0)!.finish();
    assert.equal((await first).value!.result, 'result 0');
    await many.return(); // ends although the source never yields again
  });

  it('aborts the work under way and closes the source when the loop is left', async () => {
    let closed = false;
    async function* source() {
      await settled();
      try {
        yield* numbers(10);
      } finally {
        closed = true;
      }
    }
    const many = mapMany(source(), fake.work, options);
    const first = many.next();
    await settled();
    fake.running.get(0)!.finish();
    await first;
    await many.return();
    assert.equal(closed, true);
    assert.deepEqual([fake.running.get(1)!.signal.aborted, fake.running.get(2)!.signal.aborted], [true, true]);
  });

  it('yields the results of earlier inputs before it throws the error of the source', async () => {
    function* breaks() {
      yield 0;
      throw new Error('the source broke');
    }
    const many = mapMany(breaks(), fake.work, options);
    const first = many.next();
    await settled();
    fake.running.get(0)!.finish();
    assert.equal((await first).value!.result, 'result 0');
    await assert.rejects(many.next(), /the source broke/);
  });

  it('rejects a path, bytes and other values that are not lists', async () => {
    for (const wrong of ['call.wav', Buffer.from('RIFF'), 7, null]) {
      await assert.rejects(mapMany(wrong as never, fake.work, options).next(), TypeError);
    }
  });

  it('ends with the reason of the signal, and leaves no listener', async () => {
    const controller = new AbortController();
    const many = mapMany(numbers(10), fake.work, { ...options, signal: controller.signal });
    const first = many.next();
    await settled();
    controller.abort(new Error('enough'));
    await assert.rejects(first, /enough/);
    assert.equal(fake.running.get(2)!.signal.aborted, true);
    assert.equal(getEventListeners(controller.signal, 'abort').length, 0);
  });
});
