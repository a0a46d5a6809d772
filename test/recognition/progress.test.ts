import assert from 'node:assert/strict';

import { EmotionError, EmotionRecognizer, type Progress } from '../../lib/index.js';
import { fixture } from '../support/paths.js';
import { clip } from '../support/tiny.js';

describe('the progress of a request', () => {
  const samples = clip(1, 16000);
  const pcm = { samples, sampleRate: 16000 };

  it('reports the load of the model, the decoding and the run', async () => {
    {
      await using other = new EmotionRecognizer();
      await other.warmUp(); // the progress of its load must not be reported to the other recognizer
    }
    await using recognizer = new EmotionRecognizer();
    assert.deepEqual(recognizer.status().model, { state: 'unloaded' });
    const reported: Progress[] = [];
    const onProgress = (progress: Progress) => reported.push(progress);
    const request = recognizer.recognize(fixture('speech.mp3'), { onProgress });
    assert.equal(recognizer.status().model.state, 'loading');
    await request;
    const { model } = recognizer.status();
    assert.ok(model.state === 'loaded');
    assert.deepEqual([model.name, model.precision, model.device], ['small-en-de', 'fp32', 'cpu']);
    assert.deepEqual(reported[0], { stage: 'loading', fraction: 0 });
    assert.deepEqual(reported.at(-1), { stage: 'running', done: 0, total: 1 });
    const fractions = reported.flatMap((progress) => (progress.stage === 'loading' ? [progress.fraction] : []));
    assert.ok(
      fractions.every((fraction, i) => fraction >= (fractions[i - 1] ?? 0) && fraction <= 1),
      String(fractions),
    );
    reported.length = 0;
    await recognizer.recognize(fixture('speech.mp3'), { onProgress });
    assert.deepEqual(
      reported.map(({ stage }) => stage),
      ['decoding', 'running'],
    );
  });

  it('counts the clips that go first', async () => {
    await using recognizer = new EmotionRecognizer({ threads: 1 });
    await recognizer.warmUp();
    const reported: number[] = [];
    const requests = Array.from({ length: 30 }, () => recognizer.recognize(pcm));
    const last = recognizer.recognize(pcm, {
      onProgress: (progress) => progress.stage === 'queued' && reported.push(progress.ahead),
    });
    await Promise.all([...requests, last]);
    assert.ok(reported[0]! > 20 && reported.at(-1) === 0, String(reported));
    assert.ok(
      reported.every((ahead, i) => i === 0 || ahead < reported[i - 1]!),
      'the number of clips ahead decreases',
    );
  });

  it('counts the windows of a long clip', async () => {
    await using recognizer = new EmotionRecognizer({ threads: 1 });
    const reported: Progress[] = [];
    await recognizer.recognize(
      { samples: clip(2, 16000 * 10), sampleRate: 16000 },
      { window: 5, onProgress: (p) => reported.push(p) },
    );
    const runs = reported.flatMap((progress) => (progress.stage === 'running' ? [progress] : []));
    assert.ok(runs[0]!.total >= 2);
    assert.ok(runs.every(({ done, total }) => done < total && total === runs[0]!.total));
    assert.ok(
      !reported.slice(reported.indexOf(runs[0]!)).some(({ stage }) => stage === 'queued'),
      'a clip that runs is not reported as queued again',
    );
  });

  it('ends with the request, and ignores exceptions of the listener', async () => {
    await using recognizer = new EmotionRecognizer();
    let reported = 0;
    const onProgress = () => {
      reported++;
      throw new Error('thrown by the listener');
    };
    await assert.rejects(recognizer.recognize(pcm, { onProgress, timeoutMs: 1 }), { code: 'ERR_TIMEOUT' });
    const whenItEnded = reported;
    await recognizer.warmUp();
    assert.equal(reported, whenItEnded);
    await recognizer.recognize(pcm, { onProgress });
    assert.ok(reported > whenItEnded);
  });
});

describe('a request', () => {
  const pcm = { samples: clip(1, 16000), sampleRate: 16000 };

  it('returns the logits of all labels on request', async () => {
    await using recognizer = new EmotionRecognizer();
    const { logits, scores } = await recognizer.recognize(pcm, { logits: true });
    assert.equal(logits!.length, 9);
    const weights = Array.from(logits!.subarray(0, 7), Math.exp);
    const sum = weights.reduce((total, weight) => total + weight, 0);
    Object.values(scores).forEach((score, i) => assert.ok(Math.abs(score - weights[i]! / sum) < 1e-12));
    assert.equal((await recognizer.recognize(pcm)).logits, undefined);
  });

  it('waits for room with whenFull: wait', async () => {
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

  it('refuses a clip longer than maxDuration, and names the clip in its errors', async () => {
    await using recognizer = new EmotionRecognizer();
    const options = { maxDuration: 2, name: 'call 7' };
    await assert.rejects(recognizer.recognize(fixture('speech.ogg'), options), (error: unknown) => {
      assert.ok(error instanceof EmotionError && error.code === 'ERR_AUDIO_TOO_LONG');
      assert.match(error.message, /^call 7 .*\b2 s\b/);
      return true;
    });
    await assert.rejects(recognizer.recognize(fixture('text.wav'), { name: 'call 8' }), /^EmotionError: call 8 /);
    await assert.rejects(recognizer.recognize(fixture('short.wav'), { name: 'call 9' }), /^EmotionError: call 9 /);
    await recognizer.recognize(pcm, options);
  });
});
