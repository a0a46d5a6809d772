import { EmotionError } from '../shared/errors.js';
import type { AudioLease } from './budget.js';
import { decodeTaken, type DecodeOptions } from './decode.js';
import type { TakenInput } from './input/take-input.js';
import type { Pcm } from './pcm.js';

/** The requirements of a model for a waveform. */
export interface WaveformNeeds {
  /** The model's name in error messages. */
  name: string;
  /** In Hz. */
  sampleRate: number;
  minSamples: number;
}

export interface PreparedAudio {
  /** At the model's sample rate. */
  waveform: Pcm;
  /** Duration of the original clip in seconds. */
  duration: number;
  /** Milliseconds spent on reading, decoding and resampling. */
  decodeMs: number;
  /** The decoder that was used. */
  decoder: 'builtin' | 'ffmpeg';
  /** Must be released after the inference. */
  lease: AudioLease;
}

/**
 * Decodes a clip and resamples it for a model.
 * @throws as decodeTaken, and ERR_AUDIO_TOO_SHORT if the model requires a longer clip
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
