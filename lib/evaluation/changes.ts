/** What a clip goes through on its way to a recogniser, as functions of it: noise, gain, rates, codecs, cuts, rooms. */
import { muLaw } from '../audio/formats/linear/g711.js';
import type { Pcm } from '../audio/pcm.js';
import { Resampler } from '../audio/resampler.js';
import { ENCODINGS, throughFfmpeg } from './ffmpeg.js';
import { gaussianNoise } from './random.js';
import { convolve } from './signal.js';

export const KINDS = {
  noise: 'white noise',
  gain: 'gain',
  rate: 'sample rate',
  codec: 'codec',
  length: 'length',
  silence: 'silence',
  reverberation: 'reverberation',
} as const;

export type Kind = keyof typeof KINDS;

export interface Change {
  kind: Kind;
  /** For tables. */
  name: string;
  /** For an axis, in lines. */
  tick: string;
  /** @param seed of the clip, so that it gets the same noise at every level and at every run */
  apply(clip: Pcm, seed: number): Pcm | Promise<Pcm>;
}

/**
 * All changes of clips at a rate, the mild ones of a kind first.
 * @param encoders those that ffmpeg has
 */
export function changesAt(sampleRate: number, encoders: ReadonlySet<string>): Change[] {
  return [
    ...[30, 20, 10, 5, 0].map((snr): Change => ({
      kind: 'noise',
      name: `SNR ${snr} dB`,
      tick: `${snr}`,
      apply: (clip, seed) => withNoise(clip, snr, seed),
    })),
    ...[-40, -20, 20].map((gain): Change => ({
      kind: 'gain',
      name: gain > 0 ? `+${gain} dB, clipped` : `${gain} dB`,
      tick: gain > 0 ? `+${gain}` : `${gain}`.replace('-', '−'),
      apply: (clip) => withGain(clip, gain),
    })),
    ...[11_025, 8000, 4000]
      .filter((rate) => rate < sampleRate)
      .map((rate): Change => ({
        kind: 'rate',
        name: `${rate} Hz`,
        tick: `${Math.round(rate / 1000)}`,
        apply: (clip) => resampled(clip, rate),
      })),
    { kind: 'codec', name: 'mu-law, 8000 Hz', tick: 'μ-law', apply: (clip) => throughMuLaw(resampled(clip, 8000)) },
    ...ENCODINGS.filter(({ encoder }) => encoders.has(encoder)).map((encoding): Change => ({
      kind: 'codec',
      name: `${encoding.name} ${encoding.kbits} kbit/s`,
      tick: `${encoding.name}\n${encoding.kbits}k`,
      apply: (clip) => throughFfmpeg(clip, encoding),
    })),
    ...[2, 1, 0.5].map((seconds): Change => ({
      kind: 'length',
      name: `the middle ${seconds} s`,
      tick: `${seconds}`,
      apply: (clip) => middle(clip, seconds),
    })),
    { kind: 'silence', name: '2 s before and after', tick: '2 + 2', apply: (clip) => withSilence(clip, 2) },
    ...[0.3, 0.8].map((rt60): Change => ({
      kind: 'reverberation',
      name: `RT60 ${rt60} s`,
      tick: `${rt60}`,
      apply: (clip, seed) => reverberant(clip, rt60, seed),
    })),
  ];
}

/** White noise whose power is that of the clip, less `snr` dB. */
export function withNoise({ samples, sampleRate }: Pcm, snr: number, seed: number): Pcm {
  const noise = gaussianNoise(samples.length, seed);
  const scale = (rms(samples) / rms(noise)) * 10 ** (-snr / 20);
  return { samples: samples.map((sample, i) => sample + scale * noise[i]!), sampleRate };
}

/** Louder or quieter; what goes beyond full scale is cut off. */
export function withGain({ samples, sampleRate }: Pcm, db: number): Pcm {
  const factor = 10 ** (db / 20);
  return { samples: samples.map((sample) => Math.max(-1, Math.min(1, sample * factor))), sampleRate };
}

export function resampled({ samples, sampleRate }: Pcm, rate: number): Pcm {
  if (rate === sampleRate) return { samples, sampleRate };
  const resampler = new Resampler(sampleRate, rate);
  const [head, tail] = [resampler.push(samples), resampler.finish()];
  const whole = new Float32Array(head.length + tail.length);
  whole.set(head);
  whole.set(tail, head.length);
  return { samples: whole, sampleRate: rate };
}

/** ITU-T G.711 there and back. */
export function throughMuLaw({ samples, sampleRate }: Pcm): Pcm {
  return { samples: samples.map((sample) => muLaw(toMuLaw(sample)) / 32768), sampleRate };
}

function toMuLaw(sample: number): number {
  const level = Math.round(sample * 32768);
  const magnitude = Math.min(Math.abs(level), 32635) + 132;
  const exponent = 24 - Math.clz32(magnitude); // the highest bit of 132 is the eighth
  const mantissa = (magnitude >> (exponent + 3)) & 15;
  return ~((level < 0 ? 0x80 : 0) | (exponent << 4) | mantissa) & 0xff;
}

/** A clip that is no longer stays whole. */
export function middle({ samples, sampleRate }: Pcm, seconds: number): Pcm {
  const length = Math.min(samples.length, Math.round(seconds * sampleRate));
  const start = (samples.length - length) >> 1;
  return { samples: samples.slice(start, start + length), sampleRate };
}

export function withSilence({ samples, sampleRate }: Pcm, seconds: number): Pcm {
  const silence = Math.round(seconds * sampleRate);
  const longer = new Float32Array(samples.length + 2 * silence);
  longer.set(samples, silence);
  return { samples: longer, sampleRate };
}

/**
 * A diffuse room: noise that decays by 60 dB in `rt60` seconds (Polack's model), as loud as before and cut to the clip's
 * length, so that nothing else changes.
 */
export function reverberant({ samples, sampleRate }: Pcm, rt60: number, seed: number): Pcm {
  const length = Math.round(rt60 * sampleRate);
  const response = gaussianNoise(length, seed).map((value, i) => value * 10 ** ((-3 * i) / length));
  const wet = convolve(samples, response);
  const scale = rms(samples) / (rms(wet) || 1);
  return { samples: wet.map((sample) => sample * scale), sampleRate };
}

export function rms(samples: Float32Array | Float64Array): number {
  let total = 0;
  for (let i = 0; i < samples.length; i++) total += samples[i]! ** 2;
  return Math.sqrt(total / samples.length);
}
