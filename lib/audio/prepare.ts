import { EmotionError } from '../errors.js';
import type { AudioLease } from './budget.js';
import { decodeAudio, type DecodeOptions } from './decode.js';
import type { AudioInput, Pcm } from './pcm.js';
import { resample } from './resample.js';

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
  durationSeconds: number;
  /** Milliseconds of reading, decoding and resampling. */
  decodeMs: number;
  /** To be released when the model has heard the waveform. */
  lease: AudioLease;
}

/**
 * A clip as the model wants it. It decodes while `needs` is still on its way, that is while libtorch opens and the model loads: a
 * cold start costs the longer of the two.
 * @throws as decodeAudio, as `needs`, and ERR_AUDIO_TOO_SHORT where the model wants more
 */
export async function prepareAudio(
  input: AudioInput,
  needs: Promise<WaveformNeeds>,
  options: DecodeOptions,
): Promise<PreparedAudio> {
  const decoding = decodeAudio(input, options);
  try {
    const [{ pcm, ms, lease }, { name, sampleRate, minSamples }] = await Promise.all([decoding, needs]);
    options.signal?.throwIfAborted();
    const begin = performance.now();
    const waveform = await resample(pcm, sampleRate);
    if (waveform !== pcm) lease.resize(waveform.samples.byteLength);
    if (waveform.samples.length < minSamples) {
      const inMs = (samples: number) => `${((1000 * samples) / sampleRate).toFixed(1)} ms`;
      const clip = options.name ?? (typeof input === 'string' ? input : 'The clip');
      const what = `${clip} is too short: ${inMs(waveform.samples.length)} (${name} needs ${inMs(minSamples)})`;
      throw new EmotionError('ERR_AUDIO_TOO_SHORT', what);
    }
    return {
      waveform,
      durationSeconds: pcm.samples.length / pcm.sampleRate,
      decodeMs: ms + performance.now() - begin,
      lease,
    };
  } catch (error) {
    decoding.then(
      ({ lease }) => lease.release(),
      () => undefined,
    );
    throw error;
  }
}
