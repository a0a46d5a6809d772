import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';

import { EmotionRecognizer } from '../../lib/index.js';
import { openEmotionArchive } from '../../lib/model/emotion-archive.js';
import { EmotionModel } from '../../lib/model/emotion-model.js';
import { resolveModel } from '../../lib/model/manifest.js';
import { root } from '../support/paths.js';

const RATE = 16000;
/** Confidence above which a user would take a label for an answer. */
const CONFIDENT = 0.5;

/** Returns a generator of numbers from -1 to 1 that are the same in every run. */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 31 - 1;
  };
}

function samplesOf(seconds: number, at: (t: number) => number): Float32Array {
  return Float32Array.from({ length: seconds * RATE }, (_, i) => at(i / RATE));
}

/** A chord with harmonics that is struck twice per second. */
function piano(root: number, intervals: number[]): (t: number) => number {
  return (t) => {
    const decay = Math.exp(-4 * (t % 0.5));
    let sum = 0;
    for (const interval of intervals)
      for (let k = 1; k <= 6; k++) sum += Math.sin(2 * Math.PI * root * 2 ** (interval / 12) * k * t) / k ** 1.5;
    return (0.1 * decay * sum) / intervals.length;
  };
}

/** White noise behind a first-order low-pass filter, which is close to pink noise. */
function soft(amplitude: number): (t: number) => number {
  const random = randomFrom(7);
  let last = 0;
  return () => (last += 0.05 * (amplitude * random() - last));
}

describe('the built-in model', () => {
  const recognizer = new EmotionRecognizer();
  after(() => recognizer.close());

  it('returns frame logits whose mean is the logit', async () => {
    const model = await EmotionModel.load(await openEmotionArchive(resolveModel(undefined)), {});
    const random = randomFrom(4);
    const clips = [{ samples: samplesOf(3.13, random), sampleRate: RATE }];
    const { outputs } = await model.run(clips, { frameLogits: true, features: false });
    const output = outputs[0]!;
    const size = output.logits.length;
    output.logits.forEach((logit, label) => {
      let total = 0;
      for (let i = label; i < output.frameLogits!.length; i += size) total += output.frameLogits![i]!;
      assert.ok(Math.abs(total / output.frames - logit) < 1e-4); // float32 sums over 78 frames
    });
    model.dispose();
  });

  it('recognizes the acted emotions in recordings of its training data', async function () {
    const folder = path.join(root, '../shared/data/emodb');
    if (!existsSync(folder)) {
      console.log('      skipped: ../shared/data/emodb is not here');
      this.skip();
    }
    // This does not measure accuracy (see models/README.md). It checks that decoding, front end and archive match the training.
    const rows = readFileSync(path.join(root, 'models/training/emodb.csv'), 'utf8').trim().split('\n').slice(1);
    const some = rows.map((row) => row.split(',')).filter((_, i) => i % 4 === 0);
    const outcomes = recognizer.recognizeMany(some.map(([name]) => path.join(folder, `${name}.wav`)));
    let right = 0;
    let i = 0;
    for await (const { result } of outcomes) right += Number(result?.emotion === some[i++]!.at(-1));
    assert.ok(right / some.length > 0.8, `${right} of ${some.length}`);
  });

  const white = randomFrom(1);
  const bit = randomFrom(2);
  const sounds: Record<string, Float32Array> = {
    'digital silence': new Float32Array(3 * RATE),
    'half a minute of digital silence': new Float32Array(30 * RATE),
    'the lowest bit of a converter': samplesOf(3, () => Math.round(bit()) / 32768),
    'white noise, loud': samplesOf(3, () => 0.5 * white()),
    'white noise, soft': samplesOf(3, () => 0.001 * white()),
    'the noise of a fan': samplesOf(5, soft(0.8)),
    'mains hum': samplesOf(3, (t) => 0.1 * Math.sin(2 * Math.PI * 50 * t) + 0.05 * Math.sin(2 * Math.PI * 150 * t)),
    'a tone': samplesOf(3, (t) => 0.3 * Math.sin(2 * Math.PI * 440 * t)),
    'a siren': samplesOf(4, (t) => 0.3 * Math.sin(2 * Math.PI * (800 * t - 30 * Math.cos(2 * Math.PI * t)))),
    'music in major': samplesOf(5, piano(220, [0, 4, 7])),
    'music in minor, low': samplesOf(5, piano(98, [0, 3, 7, 12])),
    clicks: samplesOf(3, (t) => (t % 0.4 < 0.002 ? 0.8 : 0)),
  };
  for (const [name, samples] of Object.entries(sounds)) {
    it(`does not take ${name} for an emotion`, async () => {
      const { emotion, confidence } = await recognizer.recognize({ samples, sampleRate: RATE });
      const harmless = emotion === 'neutral' || emotion === 'other' || confidence < CONFIDENT;
      assert.ok(harmless, `${emotion} with ${confidence.toFixed(2)}`);
    });
  }

  it('gives the same scores at any gain', async () => {
    const random = randomFrom(3);
    const tune = piano(180, [0, 5]);
    const samples = samplesOf(3, (t) => tune(t) + 0.01 * random());
    const { scores } = await recognizer.recognize({ samples, sampleRate: RATE });
    for (const gain of [0.01, 0.1, 3]) {
      const other = await recognizer.recognize({ samples: samples.map((x) => gain * x), sampleRate: RATE });
      for (const [label, score] of Object.entries(scores))
        assert.ok(Math.abs(score - other.scores[label]!) < 0.02, `${label} at gain ${gain}`); // the floor under quiet bands
    }
  });

  it('never returns a label that it was not trained on', async () => {
    const { scores } = await recognizer.recognize({ samples: samplesOf(1, piano(220, [0])), sampleRate: RATE });
    assert.deepEqual(Object.keys(scores), ['angry', 'disgusted', 'fearful', 'happy', 'neutral', 'other', 'sad']);
  });
});
