import { EmotionError } from '../shared/errors.js';
import type { AudioLease } from './budget.js';
import { decodeTaken, type DecodeOptions } from './decode.js';
import type { TakenInput } from './input/take-input.js';
import type { Pcm } from './pcm.js';

/** What a model asks of a waveform. */
export interface WaveformNeeds {
  name: string;
  /** Hz. */
  sampleRate: number;
  minSamples: number;
}

export interface PreparedAudio {
  /** At the model's rate. */
  waveform: Pcm;
  /** Of the clip as it came. */
  duration: number;
  /** Milliseconds of reading, decoding and resampling. */
  decodeMs: number;
  /** Who decoded it. */
  decoder: 'builtin' | 'ffmpeg';
  /** To be released when the model has heard the waveform. */
  lease: AudioLease;
}

/**
 * A clip as the model wants it.
 * @throws as decodeTaken, and ERR_AUDIO_TOO_SHORT where the model wants more
 */
export async function prepareAudio(
  input: TakenInput,
  { name, sampleRate, minSamples }: WaveformNeeds,
  options: DecodeOptions,
): Promise<PreparedAudio> {
  const decoded = await decodeTaken(input, { ...options, rate: sampleRate });
  const { pcm: waveform, duration, ms: decodeMs, decoder, lease } = decoded;
  if (waveform.samples.length >= minSamples) return { waveform, duration, decodeMs, decoder, lease };
  lease.release();
  const inMs = (samples: number) => `${((1000 * samples) / sampleRate).toFixed(1)} ms`;
  const what = `${input.name} is too short: ${inMs(waveform.samples.length)} (${name} needs ${inMs(minSamples)})`;
  throw new EmotionError('ERR_AUDIO_TOO_SHORT', what);
}
