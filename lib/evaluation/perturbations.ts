/**
 * Perturbations that clips undergo in practice, as functions that return a perturbed clip: noise, gain, low sample rates, codecs,
 * cuts, silence and reverberation.
 */
import { muLaw } from '../audio/formats/linear/g711.js';
import type { Pcm } from '../audio/pcm.js';
import { Resampler } from '../audio/resampler.js';
import { encodeAndDecode, ENCODINGS } from './codecs.js';
import { convolve } from './convolution.js';
import { gaussianNoise } from './random.js';

export const PERTURBATION_KINDS = {
  noise: 'white noise',
  gain: 'gain',
  rate: 'sample rate',
  codec: 'codec',
  length: 'length',
  silence: 'silence',
  reverberation: 'reverberation',
} as const;

export type PerturbationKind = keyof typeof PERTURBATION_KINDS;

export interface Perturbation {
  kind: PerturbationKind;
  /** Name in tables. */
  name: string;
  /** Label on the axis of a figure; may have several lines. */
  tick: string;
  /** @param seed seed of the clip, so that it gets the same noise at every level and in every run */
  apply(clip: Pcm, seed: number): Pcm | Promise<Pcm>;
}

/**
 * Returns all perturbations for clips at a sample rate. Within a kind, the mildest comes first.
 * @param encoders the encoders that ffmpeg has
 */
export function perturbationsAt(sampleRate: number, encoders: ReadonlySet<string>): Perturbation[] {
  return [
    ...[30, 20, 10, 5, 0].map((snr): Perturbation => ({
      kind: 'noise',
      name: `SNR ${snr} dB`,
      tick: `${snr}`,
      apply: (clip, seed) => addNoise(clip, snr, seed),
    })),
    ...[-40, -20, 20].map((gain): Perturbation => ({
      kind: 'gain',
      name: gain > 0 ? `+${gain} dB, clipped` : `${gain} dB`,
      tick: gain > 0 ? `+${gain}` : `${gain}`.replace('-', '−'),
      apply: (clip) => applyGain(clip, gain),
    })),
    ...[11_025, 8000, 4000]
      .filter((rate) => rate < sampleRate)
      .map((rate): Perturbation => ({
        kind: 'rate',
        name: `${rate} Hz`,
        tick: `${Math.round(rate / 1000)}`,
        apply: (clip) => resample(clip, rate),
      })),
    { kind: 'codec', name: 'mu-law, 8000 Hz', tick: 'μ-law', apply: (clip) => encodeMuLaw(resample(clip, 8000)) },
    ...ENCODINGS.filter(({ encoder }) => encoders.has(encoder)).map((encoding): Perturbation => ({
      kind: 'codec',
      name: `${encoding.name} ${encoding.kbits} kbit/s`,
      tick: `${encoding.name}\n${encoding.kbits}k`,
      apply: (clip) => encodeAndDecode(clip, encoding),
    })),
    ...[2, 1, 0.5].map((seconds): Perturbation => ({
      kind: 'length',
      name: `the middle ${seconds} s`,
      tick: `${seconds}`,
      apply: (clip) => cropMiddle(clip, seconds),
    })),
    { kind: 'silence', name: '2 s before and after', tick: '2 + 2', apply: (clip) => padWithSilence(clip, 2) },
    ...[0.3, 0.8].map((rt60): Perturbation => ({
      kind: 'reverberation',
      name: `RT60 ${rt60} s`,
      tick: `${rt60}`,
      apply: (clip, seed) => addReverberation(clip, rt60, seed),
    })),
  ];
}

/** Adds white noise. The power of the noise is that of the clip minus `snr` dB. */
export function addNoise({ samples, sampleRate }: Pcm, snr: number, seed: number): Pcm {
  const noise = gaussianNoise(samples.length, seed);
  const scale = (rms(samples) / rms(noise)) * 10 ** (-snr / 20);
  return { samples: samples.map((sample, i) => sample + scale * noise[i]!), sampleRate };
}

/** Makes a clip louder or quieter and clips it at full scale. */
export function applyGain({ samples, sampleRate }: Pcm, db: number): Pcm {
  const factor = 10 ** (db / 20);
  return { samples: samples.map((sample) => Math.max(-1, Math.min(1, sample * factor))), sampleRate };
}

export function resample({ samples, sampleRate }: Pcm, rate: number): Pcm {
  if (rate === sampleRate) return { samples, sampleRate };
  const resampler = new Resampler(sampleRate, rate);
  const [head, tail] = [resampler.push(samples), resampler.finish()];
  const whole = new Float32Array(head.length + tail.length);
  whole.set(head);
  whole.set(tail, head.length);
  return { samples: whole, sampleRate: rate };
}

/** Encodes samples as ITU-T G.711 mu-law and decodes them again. */
export function encodeMuLaw({ samples, sampleRate }: Pcm): Pcm {
  return { samples: samples.map((sample) => muLaw(toMuLaw(sample)) / 32768), sampleRate };
}

function toMuLaw(sample: number): number {
  const level = Math.round(sample * 32768);
  const magnitude = Math.min(Math.abs(level), 32635) + 132;
  const exponent = 24 - Math.clz32(magnitude); // the highest bit of 132 is the eighth
  const mantissa = (magnitude >> (exponent + 3)) & 15;
  return ~((level < 0 ? 0x80 : 0) | (exponent << 4) | mantissa) & 0xff;
}

/** Keeps the middle of a clip. A shorter clip is unchanged. */
export function cropMiddle({ samples, sampleRate }: Pcm, seconds: number): Pcm {
  const length = Math.min(samples.length, Math.round(seconds * sampleRate));
  const start = (samples.length - length) >> 1;
  return { samples: samples.slice(start, start + length), sampleRate };
}

export function padWithSilence({ samples, sampleRate }: Pcm, seconds: number): Pcm {
  const silence = Math.round(seconds * sampleRate);
  const padded = new Float32Array(samples.length + 2 * silence);
  padded.set(samples, silence);
  return { samples: padded, sampleRate };
}

/**
 * Simulates a diffuse room: the response is noise that decays by 60 dB in `rt60` seconds (Polack's model). The level and the
 * length of the clip are kept, so that nothing else changes.
 */
export function addReverberation({ samples, sampleRate }: Pcm, rt60: number, seed: number): Pcm {
  const length = Math.round(rt60 * sampleRate);
  const response = gaussianNoise(length, seed).map((value, i) => value * 10 ** ((-3 * i) / length));
  const wet = convolve(samples, response);
  const scale = rms(samples) / (rms(wet) || 1);
  return { samples: wet.map((sample) => sample * scale), sampleRate };
}

/** Root mean square. */
export function rms(samples: Float32Array | Float64Array): number {
  let total = 0;
  for (let i = 0; i < samples.length; i++) total += samples[i]! ** 2;
  return Math.sqrt(total / samples.length);
}
