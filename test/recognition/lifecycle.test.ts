import assert from 'node:assert/strict';
import diagnostics from 'node:diagnostics_channel';
import { getEventListeners } from 'node:events';
import { rmSync } from 'node:fs';
import { availableParallelism } from 'node:os';

import { EmotionError, EmotionRecognizer, type LoadEvent, type UnloadEvent } from '../../lib/index.js';
import { audioBudget } from '../../lib/audio/decode.js';
import { clip, importTiny } from '../support/tiny.js';
import { fixture } from '../support/paths.js';

const coded = (code: string) => (error: unknown) => {
  assert.ok(error instanceof EmotionError, String(error));
  assert.equal(error.code, code);
  return true;
};
const speech = fixture('speech.wav');
const long = { samples: clip(1, 16000 * 60), sampleRate: 16000 };

describe('the lifecycle of a recognizer', () => {
  it('unloads while requests wait: they still finish, and the next one loads again', async () => {
    await using recognizer = new EmotionRecognizer();
    await recognizer.warmUp();
    const calls = Array.from({ length: 12 }, () => recognizer.recognize(speech));
    await new Promise((resolve) => setTimeout(resolve, 5));
    const unloading = recognizer.unload();
    assert.equal(recognizer.status().model.state, 'unloaded');
    const later = recognizer.recognize(speech); // loads a model of its own
    for (const { emotion } of await Promise.all(calls)) assert.equal(emotion, (await later).emotion);
    await unloading;
    assert.equal(recognizer.status().model.state, 'loaded');
  });

  it('unloads while it loads, and before the first load', async () => {
    await using recognizer = new EmotionRecognizer();
    await recognizer.unload();
    const call = recognizer.recognize(speech);
    await recognizer.unload();
    assert.ok((await call).confidence > 0);
  });

  it('becomes idle only when the last request is done, and loads again', async () => {
    await using recognizer = new EmotionRecognizer({ idleUnloadMs: 30 });
    await recognizer.warmUp();
    const call = recognizer.recognize(long, { window: 2 });
    for (let busy = true; busy;) {
      assert.equal(recognizer.status().model.state, 'loaded');
      busy = await Promise.race([call.then(() => false), new Promise<true>((resolve) => setTimeout(resolve, 5, true))]);
    }
    await new Promise((resolve) => setTimeout(resolve, 300));
    assert.equal(recognizer.status().model.state, 'unloaded');
    assert.ok((await recognizer.recognize(speech)).confidence > 0);
  });

  it('close ends requests under way at once; drain lets them finish', async () => {
    const hasty = new EmotionRecognizer();
    const calls = [hasty.recognize(long), hasty.recognize(speech), hasty.recognize(long)];
    const outcomes = Promise.allSettled(calls);
    await hasty.close();
    for (const outcome of await outcomes)
      assert.ok(outcome.status === 'rejected' && coded('ERR_CLOSED')(outcome.reason));
    await assert.rejects(hasty.recognize(speech), coded('ERR_CLOSED'));
    await assert.rejects(hasty.warmUp(), coded('ERR_CLOSED'));
    assert.equal(hasty.status().model.state, 'unloaded');

    const patient = new EmotionRecognizer();
    const finished = Promise.all([patient.recognize(speech), patient.recognize(speech)]);
    const closing = patient.close({ drain: true });
    await assert.rejects(patient.recognize(speech), coded('ERR_CLOSED'));
    assert.equal((await finished).length, 2);
    await closing;
    await patient.close(); // a second time, without effect
    await assert.rejects(patient.close({ drian: true } as never), TypeError);
  });

  it('close ends recognizeMany, even if its source has more inputs', async () => {
    const recognizer = new EmotionRecognizer();
    function* endless() {
      for (;;) yield speech;
    }
    let taken = 0;
    const all = async () => {
      for await (const { result } of recognizer.recognizeMany(endless())) {
        assert.ok(result);
        if (++taken === 3) void recognizer.close();
      }
    };
    await assert.rejects(all, coded('ERR_CLOSED'));
    assert.ok(taken >= 3);
  });

  it('a second close ends a drain', async () => {
    const recognizer = new EmotionRecognizer();
    await recognizer.warmUp();
    const call = recognizer.recognize({ samples: new Float32Array(16000 * 600), sampleRate: 16000 });
    const outcome = assert.rejects(call, coded('ERR_CLOSED'));
    const draining = recognizer.close({ drain: true });
    await recognizer.close();
    await Promise.all([outcome, draining]);
  });

  it('publishes when models load and unload, and why', async () => {
    const published: [string, unknown][] = [];
    const listen = (message: unknown, name: string | symbol) => published.push([String(name), message]);
    const names = ['load', 'unload'].map((name) => `emotion2vec-node:${name}`);
    for (const name of names) diagnostics.subscribe(name, listen);
    try {
      const recognizer = new EmotionRecognizer({ idleUnloadMs: 1 });
      await recognizer.warmUp();
      await new Promise((resolve) => setTimeout(resolve, 100));
      await recognizer.warmUp();
      await recognizer.close();
    } finally {
      for (const name of names) diagnostics.unsubscribe(name, listen);
    }
    assert.deepEqual(
      published.map(([name, message]) => [name, (message as LoadEvent | UnloadEvent).model]),
      ['load', 'unload', 'load', 'unload'].map((name) => [`emotion2vec-node:${name}`, 'small-en-de']),
    );
    const load = published[0]![1] as LoadEvent;
    assert.ok(load.loadMs > 0 && load.threads === 1 && load.parallel >= 1 && load.file.endsWith('small-en-de.pt'));
    const reasons = [published[1]![1], published[3]![1]].map((message) => (message as UnloadEvent).reason);
    assert.deepEqual(reasons, ['idle', 'close']);
  });

  it('tries a load that failed again with the next request', async () => {
    const archive = await importTiny();
    rmSync(archive);
    await using recognizer = new EmotionRecognizer({ model: archive });
    await assert.rejects(recognizer.recognize(speech), coded('ERR_MODEL_NOT_FOUND'));
    await importTiny(archive);
    assert.equal((await recognizer.recognize(speech)).model.name, 'emotion2vec-64d-2+2');
  });
});

describe('under load', () => {
  let recognizer: EmotionRecognizer;
  before(async () => {
    recognizer = new EmotionRecognizer();
    await recognizer.warmUp();
  });
  after(() => recognizer.close());

  it('returns bitwise the same result for a clip as when it runs alone', async () => {
    const clips = Array.from({ length: 40 }, (_, i) => ({
      samples: clip(i, 5000 + 1500 * (i % 7)),
      sampleRate: 16000,
    }));
    const alone: unknown[] = [];
    for (const each of clips) alone.push((await recognizer.recognize(each, { embedding: true })).embedding);
    const together = await Promise.all(clips.map((each) => recognizer.recognize(each, { embedding: true })));
    assert.deepEqual(
      together.map(({ embedding }) => embedding),
      alone,
    );
  });

  it('batches emotion2vec+, and returns bitwise the same result for a clip as when it runs alone', async () => {
    const archive = await importTiny();
    for (const precision of ['fp32', 'int8'] as const) {
      await using tiny = new EmotionRecognizer({ model: archive, precision, threads: 1 });
      const clips = Array.from({ length: 48 }, (_, i) => ({
        samples: clip(i, 4000 + 311 * (i % 9)),
        sampleRate: 16000,
      }));
      const options = { granularity: 'frame', embedding: true } as const;
      const alone: unknown[] = [];
      const parts = ({ scores, frames, embedding }: Awaited<ReturnType<EmotionRecognizer['recognize']>>) => [
        scores,
        frames,
        embedding,
      ];
      for (const each of clips) alone.push(parts(await tiny.recognize(each, options)));
      const together = await Promise.all(clips.map((each) => tiny.recognize(each, options)));
      assert.deepEqual(together.map(parts), alone);
      assert.ok(tiny.status().requests.batchSize.max > 1, 'nothing was batched');
      assert.ok(tiny.status().requests.batchSize.max <= 16);
    }
    rmSync(archive);
  });

  it('lets short clips overtake the windows of a long one', async () => {
    const lengthy = recognizer.recognize({ samples: new Float32Array(16000 * 600), sampleRate: 16000 });
    let done = false;
    void lengthy.then(() => (done = true));
    for (let i = 0; i < 3; i++) await recognizer.recognize(speech);
    assert.equal(done, false, 'the short clips came first');
    assert.equal((await lengthy).windows!.count, 11);
  });

  it('runs queued clips in order of priority', async () => {
    await using single = new EmotionRecognizer({ threads: availableParallelism() });
    await single.warmUp();
    const order: number[] = [];
    const calls = [0, 0, 0, 0, 0, 0, -1, 5, -1, 5].map((priority, i) =>
      single.recognize({ samples: clip(i, 16000), sampleRate: 16000 }, { priority }).then(() => order.push(priority)),
    );
    await Promise.all(calls);
    assert.ok(order.indexOf(5) < 4, order.join()); // two were in the model before
    assert.deepEqual(order.slice(-2), [-1, -1]);
  });

  it('survives many aborts: all requests settle, and no listener and no audio remains', async () => {
    const warnings: Error[] = [];
    const warn = (warning: Error) => warnings.push(warning);
    process.on('warning', warn);
    const outer = new AbortController();
    const outcomes = Array.from({ length: 400 }, async (_, i) => {
      const controller = new AbortController();
      const signal = i % 2 ? controller.signal : outer.signal;
      const input = i % 3 ? speech : { samples: clip(i, 16000), sampleRate: 16000 };
      if (i % 2) setTimeout(() => controller.abort(new Error('mine')), (i * 7) % 200);
      try {
        await recognizer.recognize(input, { signal });
        return 'done';
      } catch (error) {
        return (error as Error).message;
      }
    });
    setTimeout(() => outer.abort(new Error('all')), 150);
    const outcomeSet = new Set(await Promise.all(outcomes));
    assert.deepEqual([...outcomeSet].toSorted(), ['all', 'done', 'mine']);
    assert.equal(getEventListeners(outer.signal, 'abort').length, 0);
    const { queued, running } = recognizer.status().requests;
    assert.deepEqual({ queued, running }, { queued: 0, running: 0 });
    await recognizer.recognize(speech);
    assert.equal(audioBudget.heldBytes, 0);
    process.off('warning', warn);
    assert.deepEqual(warnings, [], 'no warning about too many listeners');
  });

  it('counts the outcomes of requests, and records how long their parts took', async () => {
    await using fresh = new EmotionRecognizer({ maxQueue: 3 });
    const calls = [speech, fixture('text.wav'), long].map((input, i) =>
      fresh.recognize(input, i === 2 ? { timeoutMs: 1 } : {}),
    );
    const rejected = assert.rejects(fresh.recognize(speech), coded('ERR_QUEUE_FULL'));
    await Promise.allSettled([...calls, rejected]);
    const { queueMs, decodeMs, inferenceMs, batchSize, ...counts } = fresh.status().requests;
    assert.deepEqual(counts, { queued: 0, running: 0, done: 1, failed: 1, rejected: 1, cancelled: 1 });
    for (const { count, mean, p50, p90, p99, max } of [queueMs, decodeMs, inferenceMs]) {
      assert.equal(count, 1);
      assert.ok(mean > 0 && p50 > 0 && p50 <= p90 && p90 <= p99 && p99 <= max);
    }
    assert.equal(batchSize.max, 1);
  });

  it('works while garbage is collected all the time', async () => {
    const { gc } = globalThis as { gc?: () => void };
    const collect = gc ?? (() => void Array.from({ length: 200 }, () => new ArrayBuffer(2 ** 20)));
    const timer = setInterval(collect, 1);
    try {
      const results = await Promise.all(Array.from({ length: 30 }, () => recognizer.recognize(speech)));
      assert.equal(new Set(results.map(({ scores }) => JSON.stringify(scores))).size, 1);
    } finally {
      clearInterval(timer);
    }
  });
});
