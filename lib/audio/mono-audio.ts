import { Failure } from './decode-errors.js';
import { firstNotFinite, type Pcm } from './pcm.js';
import { Resampler } from './resampler.js';
import { checkShape } from './audio-limits.js';

/** A clip that was decoded. */
export interface MonoClip {
  pcm: Pcm;
  /** Of the clip as it came, before its rate was changed. */
  duration: number;
}

/**
 * One channel, the mean of all, at one rate, collected from stretches as they are decoded: channels, and samples at another
 * rate, exist a stretch at a time. Where joined files change their rate or channels, each part counts as what it is.
 */
export class MonoAudio {
  readonly #name: string;
  readonly #maxSeconds: number;
  readonly #parts: Float32Array[] = [];
  /** Hz of the whole; that of the first stretch where nobody asked for another. */
  #rate: number | undefined;
  #resampler: Resampler | undefined;
  /** Of the stretches that come now. */
  #sampleRate = 0;
  /** Samples at this rate, and seconds before them at others. */
  #size = 0;
  #seconds = 0;
  /** Whether the rate has changed. */
  #changed = false;
  /** Samples in all parts. */
  #made = 0;

  /**
   * @param name of the clip, for errors
   * @param maxSeconds `append` refuses what makes it longer
   * @param rate Hz, that of the clip where undefined
   */
  constructor(name: string, maxSeconds: number, rate: number | undefined) {
    this.#name = name;
    this.#maxSeconds = maxSeconds;
    this.#rate = rate;
  }

  /** @throws Failure ERR_AUDIO_TOO_LONG where there is or will be more than is allowed */
  expect(frames: number, sampleRate: number): void {
    if (frames <= (this.#maxSeconds - this.#seconds) * sampleRate) return;
    throw new Failure('ERR_AUDIO_TOO_LONG', `${this.#name} is longer than ${this.#maxSeconds} s`);
  }

  /**
   * @param channels a stretch of each; where they differ in length, the others are silent from there on
   * @throws Failure ERR_AUDIO_TOO_LONG, ERR_AUDIO_NOT_FINITE; Error where rate or channels are out of bounds
   */
  append(channels: readonly Float32Array[], sampleRate: number): void {
    let size = 0;
    for (const channel of channels) size = Math.max(size, channel.length);
    if (size === 0) return;
    if (sampleRate !== this.#sampleRate) this.#change(sampleRate);
    checkShape({ channels: channels.length, sampleRate });
    this.expect(this.#size + size, sampleRate);
    const mono = meanOf(channels, size);
    const bad = firstNotFinite(mono);
    if (bad >= 0) {
      const at = this.#size + bad;
      const where = `at ${(this.#seconds + at / sampleRate).toFixed(3)} s (sample ${at})`;
      throw new Failure('ERR_AUDIO_NOT_FINITE', `${this.#name} holds a sample that is not a finite number, ${where}`);
    }
    this.#size += size;
    // A decoder's own channel may be a view of memory that it uses again.
    this.#keep(this.#resampler?.push(mono) ?? (mono === channels[0] ? mono.slice() : mono));
  }

  get empty(): boolean {
    return this.#parts.length === 0;
  }

  /** The whole. No samples, at 0 Hz, where nothing was appended. */
  finish(): MonoClip {
    this.#endPart();
    return { pcm: { samples: this.#joined(), sampleRate: this.#rate ?? 0 }, duration: this.#seconds };
  }

  #change(sampleRate: number): void {
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

  /** The length of each part is rounded up: thousands of them must not add up to more than there was. */
  #trim(spare: number): void {
    for (let rest = spare; rest > 0 && this.#parts.length > 0;) {
      const last = this.#parts.pop()!;
      this.#made -= last.length;
      if (last.length > rest) this.#keep(last.subarray(0, last.length - rest));
      rest -= last.length;
    }
  }

  #joined(): Float32Array {
    if (this.#parts.length === 1 && !this.#changed) return this.#parts[0]!;
    const samples = new Float32Array(this.#made);
    let at = 0;
    for (const part of this.#parts.splice(0)) {
      samples.set(part, at);
      at += part.length;
    }
    return samples;
  }
}

/** Summed in double, then rounded once: FunASR's mean. One channel is given back as it is. */
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
