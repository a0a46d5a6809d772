import assert from 'node:assert/strict';

import { EmotionError, EmotionRecognizer, type Progress } from '../lib/index.js';
import { fixture } from './support/paths.js';
import { clip } from './support/tiny.js';

describe('progress of a call', () => {
  const samples = clip(1, 16000);
  const pcm = { samples, sampleRate: 16000 };

  it('tells of the model on its way, the decoding, and the run', async () => {
    {
      await using other = new EmotionRecognizer();
      await other.warmUp(); // how far its load came is nobody else's progress
    }
    await using recognizer = new EmotionRecognizer();
    assert.deepEqual(recognizer.status().model, { state: 'unloaded' });
    const told: Progress[] = [];
    const onProgress = (progress: Progress) => told.push(progress);
    const call = recognizer.recognize(fixture('speech.mp3'), { onProgress });
    assert.equal(recognizer.status().model.state, 'loading');
    await call;
    const { model } = recognizer.status();
    assert.ok(model.state === 'loaded');
    assert.deepEqual([model.name, model.precision, model.device], ['small-en-de', 'fp32', 'cpu']);
    assert.deepEqual(told[0], { stage: 'loading', fraction: 0 });
    assert.deepEqual(told.at(-1), { stage: 'running', done: 0, total: 1 });
    const fractions = told.flatMap((progress) => (progress.stage === 'loading' ? [progress.fraction] : []));
    assert.ok(
      fractions.every((fraction, i) => fraction >= (fractions[i - 1] ?? 0) && fraction <= 1),
      String(fractions),
    );
    told.length = 0;
    await recognizer.recognize(fixture('speech.mp3'), { onProgress });
    assert.deepEqual(
      told.map(({ stage }) => stage),
      ['decoding', 'running'],
    );
  });

  it('counts those that go first', async () => {
    await using recognizer = new EmotionRecognizer({ threads: 1 });
    await recognizer.warmUp();
    const told: number[] = [];
    const calls = Array.from({ length: 30 }, () => recognizer.recognize(pcm));
    const last = recognizer.recognize(pcm, {
      onProgress: (progress) => progress.stage === 'queued' && told.push(progress.ahead),
    });
    await Promise.all([...calls, last]);
    assert.ok(told[0]! > 20 && told.at(-1) === 0, String(told));
    assert.ok(
      told.every((ahead, i) => i === 0 || ahead < told[i - 1]!),
      'fewer each time',
    );
  });

  it('counts the windows of a long clip', async () => {
    await using recognizer = new EmotionRecognizer({ threads: 1 });
    const told: Progress[] = [];
    await recognizer.recognize(
      { samples: clip(2, 16000 * 10), sampleRate: 16000 },
      { window: 5, onProgress: (p) => told.push(p) },
    );
    const runs = told.flatMap((progress) => (progress.stage === 'running' ? [progress] : []));
    assert.ok(runs[0]!.total >= 2);
    assert.ok(runs.every(({ done, total }) => done < total && total === runs[0]!.total));
    assert.ok(!told.slice(told.indexOf(runs[0]!)).some(({ stage }) => stage === 'queued'), 'never back in line');
  });

  it('is told to nobody once the call has ended, and a listener that throws harms nothing', async () => {
    await using recognizer = new EmotionRecognizer();
    let told = 0;
    const onProgress = () => {
      told++;
      throw new Error('mine');
    };
    await assert.rejects(recognizer.recognize(pcm, { onProgress, timeoutMs: 1 }), { code: 'ERR_TIMEOUT' });
    const then = told;
    await recognizer.warmUp();
    assert.equal(told, then);
    await recognizer.recognize(pcm, { onProgress });
    assert.ok(told > then);
  });
});

describe('a call', () => {
  const pcm = { samples: clip(1, 16000), sampleRate: 16000 };

  it('gives logits of all labels where it is asked to', async () => {
    await using recognizer = new EmotionRecognizer();
    const { logits, scores } = await recognizer.recognize(pcm, { logits: true });
    assert.equal(logits!.length, 9);
    const weights = Array.from(logits!.subarray(0, 7), Math.exp);
    const sum = weights.reduce((total, weight) => total + weight, 0);
    Object.values(scores).forEach((score, i) => assert.ok(Math.abs(score - weights[i]! / sum) < 1e-12));
    assert.equal((await recognizer.recognize(pcm)).logits, undefined);
  });

  it('waits for room where it is told to', async () => {
    await using recognizer = new EmotionRecognizer({ maxQueue: 1 });
    const all = await Promise.allSettled([
      recognizer.recognize(pcm),
      recognizer.recognize(pcm),
      recognizer.recognize(pcm, { whenFull: 'wait' }),
    ]);
    assert.deepEqual(
      all.map(({ status }) => status),
      ['fulfilled', 'rejected', 'fulfilled'],
    );
  });

  it('refuses what is longer than it may be, and calls it by its name', async () => {
    await using recognizer = new EmotionRecognizer();
    const options = { maxDuration: 2, name: 'call 7' };
    await assert.rejects(recognizer.recognize(fixture('speech.ogg'), options), (error: unknown) => {
      assert.ok(error instanceof EmotionError && error.code === 'ERR_AUDIO_TOO_LONG');
      assert.match(error.message, /^call 7 is longer than 2 s\./);
      return true;
    });
    await assert.rejects(
      recognizer.recognize(fixture('text.wav'), { name: 'call 8' }),
      /^EmotionError: call 8 is not audio/,
    );
    await assert.rejects(
      recognizer.recognize(fixture('short.wav'), { name: 'call 9' }),
      /^EmotionError: call 9 is too short/,
    );
    await recognizer.recognize(pcm, options);
  });
});
