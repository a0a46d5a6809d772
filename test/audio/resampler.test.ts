import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';

import { decodeAudio } from '../../lib/audio/decode.js';
import { Resampler } from '../../lib/audio/resampler.js';
import { fixture } from '../support/paths.js';
import { clip } from '../support/tiny.js';

/** Resamples in chunks of these sizes, which are repeated. */
function resample(samples: Float32Array, from: number, to: number, ...sizes: number[]): Float32Array {
  const resampler = new Resampler(from, to);
  const parts: Float32Array[] = [];
  for (let at = 0, i = 0; at < samples.length; i++) {
    const size = sizes[i % sizes.length]!;
    parts.push(resampler.push(samples.subarray(at, at + size)));
    at += size;
  }
  parts.push(resampler.finish());
  return Float32Array.from(parts.flatMap((part) => Array.from(part)));
}

const worst = (a: Float32Array, b: ArrayLike<number>): number =>
  a.reduce((most, sample, i) => Math.max(most, Math.abs(sample - b[i]!)), 0);

describe('resampler', () => {
  const cases = JSON.parse(readFileSync(fixture('resample.json'), 'utf8')) as {
    from: number;
    to: number;
    input: number[];
    output: number[];
  }[];
  for (const { from, to, input, output } of cases) {
    it(`${from} -> ${to} Hz equals torchaudio within 1e-5`, () => {
      const samples = resample(Float32Array.from(input), from, to, input.length);
      assert.equal(samples.length, output.length);
      assert.ok(worst(samples, output) < 1e-5, `differs by ${worst(samples, output)}`);
    });
  }

  it('returns the same samples to the bit for any chunk sizes', () => {
    for (const [from, to] of [
      [44100, 16000],
      [8000, 16000],
      [48000, 16000],
      [22050, 16000],
      [44101, 16000],
      [16000, 44100],
      [1, 16000],
      [768000, 16000],
    ] as const) {
      const samples = clip(1, Math.min(from, 9000));
      const whole = resample(samples, from, to, samples.length);
      assert.equal(whole.length, Math.ceil((samples.length * to) / from), `${from}`);
      for (const sizes of [[1], [3, 1, 700], [4096]]) {
        if (samples.length / sizes[0]! > 9000) continue;
        assert.deepEqual(resample(samples, from, to, ...sizes), whole, `${from} in ${sizes.join()}`);
      }
    }
  });

  it('returns no samples for no samples', () => {
    assert.equal(resample(new Float32Array(0), 44100, 16000, 1).length, 0);
  });

  it('is applied while a clip is decoded, and to raw samples, which are not modified', async () => {
    const stereo = await decodeAudio(fixture('speech-stereo-44k.wav'));
    const decoded = await decodeAudio(fixture('speech-stereo-44k.wav'), { rate: 16000 });
    const raw = await decodeAudio(stereo.pcm, { rate: 16000 });
    assert.equal(decoded.pcm.sampleRate, 16000);
    assert.deepEqual(decoded.pcm.samples, resample(stereo.pcm.samples, 44100, 16000, 65536));
    assert.deepEqual(raw.pcm, decoded.pcm);
    assert.equal(decoded.duration, stereo.pcm.samples.length / 44100);
    assert.ok(stereo.pcm.samples.length > 0, 'not transferred');
    for (const { lease } of [stereo, decoded, raw]) lease.release();
  });
});
