import assert from 'node:assert/strict';

import type { Pcm } from '../../lib/audio/pcm.js';
import { encodeAndDecode, ENCODINGS, ffmpegEncoders } from '../../lib/evaluation/codecs.js';
import { convolve } from '../../lib/evaluation/convolution.js';
import {
  addNoise,
  addReverberation,
  applyGain,
  cropMiddle,
  encodeMuLaw,
  padWithSilence,
  perturbationsAt,
  resample,
  rms,
} from '../../lib/evaluation/perturbations.js';
import { gaussianNoise } from '../../lib/evaluation/random.js';

const RATE = 16_000;
const tone = (seconds: number, gain = 0.3): Pcm => ({
  samples: Float32Array.from({ length: seconds * RATE }, (_, i) => gain * Math.sin((2 * Math.PI * 440 * i) / RATE)),
  sampleRate: RATE,
});
const db = (ratio: number): number => 20 * Math.log10(ratio);

describe('perturbations of a clip', () => {
  const clip = tone(1);

  it('noise has the requested power and is reproducible for a seed', () => {
    for (const snr of [30, 0]) {
      const { samples } = addNoise(clip, snr, 7);
      const noise = samples.map((sample, i) => sample - clip.samples[i]!);
      assert.ok(Math.abs(db(rms(clip.samples) / rms(noise)) - snr) < 0.01); // float32 sums
      assert.deepEqual(addNoise(clip, snr, 7).samples, samples);
      assert.notDeepEqual(addNoise(clip, snr, 8).samples, samples);
    }
    const silent = addNoise({ samples: new Float32Array(100), sampleRate: RATE }, 10, 1);
    assert.ok(silent.samples.every((sample) => sample === 0));
  });

  it('gain clips at full scale', () => {
    const louder = applyGain(clip, 20).samples;
    assert.deepEqual([Math.max(...louder), Math.min(...louder)], [1, -1]);
    assert.ok(Math.abs(db(rms(applyGain(clip, -40).samples) / rms(clip.samples)) + 40) < 1e-3);
  });

  it('a lower sample rate keeps what it can represent', () => {
    const { samples, sampleRate } = resample(clip, 4000);
    assert.deepEqual([samples.length, sampleRate], [4000, 4000]);
    assert.ok(Math.abs(db(rms(samples) / rms(clip.samples))) < 0.1, 'frequencies below half the rate are kept');
    const names = perturbationsAt(8000, new Set()).map(({ name }) => name);
    assert.ok(
      names.includes('4000 Hz') && !names.includes('8000 Hz'),
      'the rate of the clip itself is not a perturbation',
    );
  });

  it('the error of mu-law is at most half a step: a 32nd of the sample, or 4 of 32768 near zero', () => {
    const samples = Float32Array.from({ length: 4001 }, (_, i) => (i - 2000) / 2010);
    encodeMuLaw({ samples, sampleRate: 8000 }).samples.forEach((sample, i) => {
      const bound = Math.max(5 / 32768, Math.abs(samples[i]!) / 31);
      assert.ok(Math.abs(sample - samples[i]!) <= bound, `${samples[i]} became ${sample}`);
    });
    const once = encodeMuLaw({ samples, sampleRate: 8000 });
    assert.deepEqual(encodeMuLaw(once).samples, once.samples, 'a second pass changes nothing');
    const { samples: loud } = encodeMuLaw({ samples: Float32Array.of(1, -1, 9), sampleRate: 8000 });
    assert.ok(loud.every((sample) => Math.abs(Math.abs(sample) - 0.98) < 0.01));
  });

  it('cropping and padding keep the middle in place', () => {
    const ramp = { samples: Float32Array.from({ length: 10 }, (_, i) => i), sampleRate: 4 };
    assert.deepEqual([...cropMiddle(ramp, 1).samples], [3, 4, 5, 6]);
    assert.equal(cropMiddle(ramp, 9).samples.length, 10);
    const longer = padWithSilence(ramp, 2).samples;
    assert.deepEqual([longer.length, longer[7], longer[9], longer[17], longer[18]], [26, 0, 1, 9, 0]);
  });

  it('convolution equals its definition', () => {
    const samples = Float32Array.from(gaussianNoise(700, 1));
    const response = gaussianNoise(100, 2); // several blocks of 157 samples, the last one incomplete
    const output = convolve(samples, response);
    samples.forEach((_, at) => {
      let expected = 0;
      for (let i = 0; i < Math.min(100, at + 1); i++) expected += response[i]! * samples[at - i]!;
      assert.ok(Math.abs(output[at]! - expected) < 1e-4, `at ${at}`); // float32 output of sums near 10
    });
  });

  it('reverberation decays by 60 dB in RT60 and keeps level and length', () => {
    const samples = new Float32Array(RATE);
    samples[0] = 1;
    const { samples: wet } = addReverberation({ samples, sampleRate: RATE }, 0.4, 3);
    assert.equal(wet.length, RATE);
    assert.ok(Math.abs(db(rms(wet) / rms(samples))) < 0.01);
    const level = (seconds: number): number => rms(wet.subarray(seconds * RATE, seconds * RATE + 800));
    assert.ok(Math.abs(db(level(0.2) / level(0)) + 30) < 1, 'the level falls by 30 dB in half of RT60'); // 800 samples of noise
    assert.ok(level(0.5) < 1e-6);
  });

  it('the codecs of ffmpeg keep length and level', async function () {
    const encoders = await ffmpegEncoders();
    if (encoders === undefined) {
      console.log('      skipped: ffmpeg is not installed');
      this.skip();
    }
    for (const encoding of ENCODINGS.filter(({ encoder }) => encoders.has(encoder))) {
      const { samples, sampleRate } = await encodeAndDecode(clip, encoding);
      assert.equal(sampleRate, RATE);
      assert.ok(Math.abs(samples.length / RATE - 1) < 0.2, 'with the padding of an MP3');
      assert.ok(Math.abs(db(rms(samples) / rms(clip.samples))) < 2, encoding.name);
    }
    const unknown = { name: 'X', kbits: 8, encoder: 'nope', args: ['-f', 'mp3'] };
    await assert.rejects(encodeAndDecode(clip, unknown), { code: 'ERR_AUDIO_DECODE', message: /nope/ });
  });
});
