import assert from 'node:assert/strict';

import type { Pcm } from '../../lib/audio/pcm.js';
import {
  changesAt,
  middle,
  resampled,
  reverberant,
  rms,
  throughMuLaw,
  withGain,
  withNoise,
  withSilence,
} from '../../lib/evaluation/changes.js';
import { ENCODINGS, ffmpegEncoders, throughFfmpeg } from '../../lib/evaluation/ffmpeg.js';
import { gaussianNoise } from '../../lib/evaluation/random.js';
import { convolve } from '../../lib/evaluation/signal.js';

const RATE = 16_000;
const tone = (seconds: number, gain = 0.3): Pcm => ({
  samples: Float32Array.from({ length: seconds * RATE }, (_, i) => gain * Math.sin((2 * Math.PI * 440 * i) / RATE)),
  sampleRate: RATE,
});
const db = (ratio: number): number => 20 * Math.log10(ratio);

describe('changes of a clip', () => {
  const clip = tone(1);

  it('noise has the power that was asked for, and is the same for a seed', () => {
    for (const snr of [30, 0]) {
      const { samples } = withNoise(clip, snr, 7);
      const noise = samples.map((sample, i) => sample - clip.samples[i]!);
      assert.ok(Math.abs(db(rms(clip.samples) / rms(noise)) - snr) < 0.01); // float32 sums
      assert.deepEqual(withNoise(clip, snr, 7).samples, samples);
      assert.notDeepEqual(withNoise(clip, snr, 8).samples, samples);
    }
    const silent = withNoise({ samples: new Float32Array(100), sampleRate: RATE }, 10, 1);
    assert.ok(silent.samples.every((sample) => sample === 0));
  });

  it('gain is cut off at full scale', () => {
    const louder = withGain(clip, 20).samples;
    assert.deepEqual([Math.max(...louder), Math.min(...louder)], [1, -1]);
    assert.ok(Math.abs(db(rms(withGain(clip, -40).samples) / rms(clip.samples)) + 40) < 1e-3);
  });

  it('rates', () => {
    const { samples, sampleRate } = resampled(clip, 4000);
    assert.deepEqual([samples.length, sampleRate], [4000, 4000]);
    assert.ok(Math.abs(db(rms(samples) / rms(clip.samples))) < 0.1, 'what lies below half the rate stays');
    const names = changesAt(8000, new Set()).map(({ name }) => name);
    assert.ok(names.includes('4000 Hz') && !names.includes('8000 Hz'), 'a rate that is no change is none');
  });

  it('mu-law errs by half a step: a 32nd of the sample, or 4 of 32768 near zero', () => {
    const samples = Float32Array.from({ length: 4001 }, (_, i) => (i - 2000) / 2010);
    throughMuLaw({ samples, sampleRate: 8000 }).samples.forEach((sample, i) => {
      const bound = Math.max(5 / 32768, Math.abs(samples[i]!) / 31);
      assert.ok(Math.abs(sample - samples[i]!) <= bound, `${samples[i]} became ${sample}`);
    });
    const once = throughMuLaw({ samples, sampleRate: 8000 });
    assert.deepEqual(throughMuLaw(once).samples, once.samples, 'what has passed passes unchanged');
    const { samples: loud } = throughMuLaw({ samples: Float32Array.of(1, -1, 9), sampleRate: 8000 });
    assert.ok(loud.every((sample) => Math.abs(Math.abs(sample) - 0.98) < 0.01));
  });

  it('lengths', () => {
    const ramp = { samples: Float32Array.from({ length: 10 }, (_, i) => i), sampleRate: 4 };
    assert.deepEqual([...middle(ramp, 1).samples], [3, 4, 5, 6]);
    assert.equal(middle(ramp, 9).samples.length, 10);
    const longer = withSilence(ramp, 2).samples;
    assert.deepEqual([longer.length, longer[7], longer[9], longer[17], longer[18]], [26, 0, 1, 9, 0]);
  });

  it('convolution is what its definition says', () => {
    const samples = Float32Array.from(gaussianNoise(700, 1));
    const response = gaussianNoise(100, 2); // blocks of 157: several, and a last one that is not full
    const output = convolve(samples, response);
    samples.forEach((_, at) => {
      let expected = 0;
      for (let i = 0; i < Math.min(100, at + 1); i++) expected += response[i]! * samples[at - i]!;
      assert.ok(Math.abs(output[at]! - expected) < 1e-4, `at ${at}`); // float32 output of sums near 10
    });
  });

  it('a room goes on sounding for RT60, as loud and as long as before', () => {
    const samples = new Float32Array(RATE);
    samples[0] = 1;
    const { samples: wet } = reverberant({ samples, sampleRate: RATE }, 0.4, 3);
    assert.equal(wet.length, RATE);
    assert.ok(Math.abs(db(rms(wet) / rms(samples))) < 0.01);
    const level = (seconds: number): number => rms(wet.subarray(seconds * RATE, seconds * RATE + 800));
    assert.ok(Math.abs(db(level(0.2) / level(0)) + 30) < 1, 'half of RT60 takes 30 dB'); // 800 samples of noise
    assert.ok(level(0.5) < 1e-6);
  });

  it('ffmpeg’s codecs', async function () {
    const encoders = await ffmpegEncoders();
    if (encoders === undefined) {
      console.log('      skipped: ffmpeg is not here');
      this.skip();
    }
    for (const encoding of ENCODINGS.filter(({ encoder }) => encoders.has(encoder))) {
      const { samples, sampleRate } = await throughFfmpeg(clip, encoding);
      assert.equal(sampleRate, RATE);
      assert.ok(Math.abs(samples.length / RATE - 1) < 0.2, 'with the padding of an MP3');
      assert.ok(Math.abs(db(rms(samples) / rms(clip.samples))) < 2, encoding.name);
    }
    const unknown = { name: 'X', kbits: 8, encoder: 'nope', args: ['-f', 'mp3'] };
    await assert.rejects(throughFfmpeg(clip, unknown), { code: 'ERR_AUDIO_DECODE', message: /ffmpeg .* as X: .*nope/ });
  });
});
