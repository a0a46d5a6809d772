import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';

import { AudioBudget } from '../../lib/audio/budget.js';
import { DecodePool } from '../../lib/audio/workers/decode-pool.js';
import { audioBudget, decodeAudio } from '../../lib/audio/decode.js';
import { fixture } from '../support/paths.js';

const speech = fixture('speech.wav');
const request = {
  source: speech,
  name: 'a clip',
  maxSeconds: Infinity,
  decoder: 'auto' as const,
  priority: 0,
  signal: undefined,
};

describe('decode pool', () => {
  it('leaves clips encoded while the budget is full, and continues when it is not', async () => {
    const budget = new AudioBudget(1000);
    const pool = new DecodePool(1, budget);
    const lease = budget.hold(1000);
    let done = false;
    const decoding = pool.decode(request).then(() => (done = true));
    await new Promise((resolve) => setTimeout(resolve, 100));
    assert.equal(done, false);
    lease.resize(999);
    await decoding;
    lease.release();
    lease.release();
    assert.equal(budget.heldBytes, 0);
  });

  it('removes a waiting job that is aborted, and runs the others by priority', async () => {
    const budget = new AudioBudget(1);
    const pool = new DecodePool(1, budget);
    const lease = budget.hold(1);
    const controller = new AbortController();
    const order: number[] = [];
    const decode = (priority: number) => pool.decode({ ...request, priority }).then(() => order.push(priority));
    const calls = [0, -1, 5, 0, 5].map(decode);
    const dropped = pool.decode({ ...request, priority: 9, signal: controller.signal });
    controller.abort(new Error('cancelled'));
    await assert.rejects(dropped, /cancelled/);
    lease.release();
    await Promise.all(calls);
    assert.deepEqual(order, [5, 5, 0, 0, -1]);
  });

  it('ends a thread whose only job was cancelled, and continues in a new thread', async () => {
    const pool = new DecodePool(1, new AudioBudget(1), 100);
    const controller = new AbortController();
    const source = { samples: new Float32Array(44100 * 1800), sampleRate: 44100 };
    const long = pool.decode({ ...request, source, rate: 44099, signal: controller.signal });
    await new Promise((resolve) => setTimeout(resolve, 300));
    assert.equal(pool.threads, 1);
    controller.abort(new Error('cancelled'));
    await assert.rejects(long, /cancelled/);
    assert.equal(pool.threads, 0);
    await pool.decode(request);
    assert.equal(pool.threads, 1);
  });

  it('finishes ordinary clips while decompression bombs that came earlier are still being decoded, in one thread', async () => {
    const pool = new DecodePool(1, new AudioBudget(2 ** 30), 60_000);
    const controller = new AbortController();
    const bomb = Buffer.concat(Array.from({ length: 600 }, () => readFileSync(fixture('speech.mp3')))); // half an hour
    let ended = 0;
    const bombs = Array.from({ length: 4 }, async () => {
      const source = Uint8Array.from(bomb);
      await pool.decode({ ...request, source, rate: 16000, signal: controller.signal });
      ended++;
    });
    const names = ['speech.wav', 'speech.mp3', 'speech.flac', 'speech-stereo-44k.wav'];
    await Promise.all(names.map((name) => pool.decode({ ...request, source: fixture(name), rate: 16000 })));
    assert.equal(ended, 0);
    controller.abort(new Error('cancelled'));
    for (const call of bombs) await assert.rejects(call, /cancelled/);
    await pool.decode(request);
  });

  it('starts another thread if one is stuck in a step', async () => {
    const pool = new DecodePool(1, new AudioBudget(2 ** 30), 100);
    await pool.decode(request);
    // One step produces thirty million samples.
    const source = { samples: new Float32Array(40_000), sampleRate: 1001 };
    const controller = new AbortController();
    let ended = false;
    const stuck = pool
      .decode({ ...request, source, rate: 768_000, signal: controller.signal })
      .then(() => (ended = true));
    await Promise.all([pool.decode(request), pool.decode(request)]);
    assert.equal(ended, false);
    controller.abort(new Error('cancelled'));
    await assert.rejects(stuck, /cancelled/);
  });

  it('ends a cancelled job with its next step if its thread has other jobs', async () => {
    const pool = new DecodePool(1, new AudioBudget(2 ** 30), 60_000);
    const controller = new AbortController();
    const source = () => ({ samples: new Float32Array(44100 * 200), sampleRate: 44100 });
    const dropped = pool.decode({ ...request, source: source(), rate: 44099, signal: controller.signal });
    const kept = pool.decode({ ...request, source: source(), rate: 44099 });
    await new Promise((resolve) => setTimeout(resolve, 60));
    controller.abort(new Error('cancelled'));
    await assert.rejects(dropped, /cancelled/);
    assert.equal((await kept).pcm.sampleRate, 44099);
  });

  it('decodes short clips while a long one is decoded', async () => {
    const header = readFileSync(speech).subarray(0, 44);
    const hours = Buffer.alloc(44 + 2 * 16000 * 3600);
    header.copy(hours);
    hours.writeUInt32LE(hours.length - 8, 4);
    hours.writeUInt32LE(hours.length - 44, 40);
    const order: string[] = [];
    const long = decodeAudio(hours).then(({ lease }) => (order.push('long'), lease));
    const short = decodeAudio(speech).then(({ lease }) => (order.push('short'), lease));
    for (const lease of await Promise.all([long, short])) lease.release();
    assert.deepEqual(order, ['short', 'long']);
    assert.equal(audioBudget.heldBytes, 0);
  });
});
