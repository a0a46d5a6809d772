import { concatFloats } from '../shared/concat.js';
import { EmotionError } from '../shared/errors.js';
import { checkShape } from './audio-limits.js';
import { firstNotFinite, type Pcm } from './pcm.js';
import { Resampler } from './resampler.js';

/** A decoded clip. */
export interface MonoClip {
  pcm: Pcm;
  /** Duration of the original clip in seconds, before resampling. */
  duration: number;
}

/**
 * Collects the blocks of a clip, mixes their channels down to mono and resamples them. The separate channels and the samples at
 * the original rate exist for one block at a time only. If the rate or the number of channels changes within joined files, each
 * part is converted according to its own format.
 */
export class MonoAudio {
  readonly #name: string;
  readonly #maxSeconds: number;
  readonly #parts: Float32Array[] = [];
  /** Sample rate of the output; by default that of the first block. */
  #rate: number | undefined;
  #resampler: Resampler | undefined;
  /** Sample rate of the current part. */
  #sampleRate = 0;
  /** Number of samples in the current part, at its own rate. */
  #size = 0;
  /** Seconds in the parts before the current one. */
  #seconds = 0;
  /** Whether the rate has changed. */
  #changed = false;
  /** Number of output samples so far. */
  #made = 0;

  /**
   * @param name the clip's name in error messages
   * @param maxSeconds maximum length; `append` throws when it is exceeded
   * @param rate sample rate of the output in Hz; that of the clip if undefined
   */
  constructor(name: string, maxSeconds: number, rate: number | undefined) {
    this.#name = name;
    this.#maxSeconds = maxSeconds;
    this.#rate = rate;
  }

  /** @throws EmotionError ERR_AUDIO_TOO_LONG if this many frames in the current part would exceed the maximum length */
  checkLength(frames: number, sampleRate: number): void {
    if (frames <= (this.#maxSeconds - this.#seconds) * sampleRate) return;
    throw new EmotionError('ERR_AUDIO_TOO_LONG', `${this.#name} is longer than ${this.#maxSeconds} s`);
  }

  /**
   * Appends a block.
   * @param channels samples of each channel; shorter channels are padded with silence
   * @throws EmotionError ERR_AUDIO_TOO_LONG, ERR_AUDIO_NOT_FINITE; Error if the rate or the number of channels is out of bounds
   */
  append(channels: readonly Float32Array[], sampleRate: number): void {
    let size = 0;
    for (const channel of channels) size = Math.max(size, channel.length);
    if (size === 0) return;
    if (sampleRate !== this.#sampleRate) this.#beginPart(sampleRate);
    checkShape({ channels: channels.length, sampleRate });
    this.checkLength(this.#size + size, sampleRate);
    const mono = meanOf(channels, size);
    const bad = firstNotFinite(mono);
    if (bad >= 0) {
      const at = this.#size + bad;
      const where = `at ${(this.#seconds + at / sampleRate).toFixed(3)} s (sample ${at})`;
      throw new EmotionError(
        'ERR_AUDIO_NOT_FINITE',
        `${this.#name} contains a sample that is not a finite number, ${where}`,
      );
    }
    this.#size += size;
    // A decoder's channel may be a view of memory that the decoder reuses.
    this.#keep(this.#resampler?.push(mono) ?? (mono === channels[0] ? mono.slice() : mono));
  }

  get empty(): boolean {
    return this.#parts.length === 0;
  }

  /** Returns the whole clip; one without samples, at 0 Hz, if nothing was appended. */
  finish(): MonoClip {
    this.#endPart();
    return { pcm: { samples: this.#joined(), sampleRate: this.#rate ?? 0 }, duration: this.#seconds };
  }

  #beginPart(sampleRate: number): void {
    checkShape({ channels: 1, sampleRate });
    if (this.#sampleRate > 0) this.#changed = true;
    this.#endPart();
    this.#sampleRate = sampleRate;
    this.#rate ??= sampleRate;
    if (this.#rate !== sampleRate) this.#resampler = new Resampler(sampleRate, this.#rate);
  }

  #endPart(): void {
    if (this.#resampler !== undefined) this.#keep(this.#resampler.finish());
    this.#resampler = undefined;
    this.#seconds += this.#size / (this.#sampleRate || 1);
    if (this.#changed) this.#trim(this.#made - Math.ceil(this.#seconds * this.#rate!));
    this.#size = 0;
  }

  #keep(samples: Float32Array): void {
    this.#parts.push(samples);
    this.#made += samples.length;
  }

  /** Removes surplus samples: each part's length is rounded up, so thousands of parts would add up to more than the clip. */
  #trim(surplus: number): void {
    for (let rest = surplus; rest > 0 && this.#parts.length > 0;) {
      const last = this.#parts.pop()!;
      this.#made -= last.length;
      if (last.length > rest) this.#keep(last.subarray(0, last.length - rest));
      rest -= last.length;
    }
  }

  #joined(): Float32Array {
    if (this.#parts.length === 1 && !this.#changed) return this.#parts[0]!;
    return concatFloats(this.#parts.splice(0));
  }
}

/** Returns the mean of the channels, summed in float64 and rounded once, as in FunASR. A single channel is returned as it is. */
function meanOf(channels: readonly Float32Array[], size: number): Float32Array {
  const [left, right] = channels as [Float32Array, Float32Array?];
  if (channels.length === 1) return left;
  const mono = new Float32Array(size);
  if (channels.length === 2 && left.length === size && right?.length === size) {
    for (let i = 0; i < size; i++) mono[i] = (left[i]! + right[i]!) / 2;
    return mono;
  }
  for (let i = 0; i < size; i++) {
    let sum = 0;
    for (const channel of channels) sum += channel[i] ?? 0;
    mono[i] = sum / channels.length;
  }
  return mono;
}
