import { largest } from '../largest.js';
import { Failure } from './failure.js';
import type { Pcm } from './pcm.js';
import { Resampler } from './resampler.js';

/** A clip that was decoded. */
export interface MonoClip {
  pcm: Pcm;
  /** Of the clip as it came, before its rate was changed. */
  durationSeconds: number;
}

/**
 * One channel, the mean of all, at one rate, collected from stretches as they are decoded: channels, and samples at another
 * rate, exist a stretch at a time.
 */
export class MonoAudio {
  readonly #name: string;
  readonly #maxSeconds: number;
  readonly #rate: number | undefined;
  readonly #parts: Float32Array[] = [];
  #resampler: Resampler | undefined;
  /** As it came. */
  #size = 0;
  #sampleRate = 0;

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
    if (frames <= this.#maxSeconds * sampleRate) return;
    throw new Failure('ERR_AUDIO_TOO_LONG', `${this.#name} is longer than ${this.#maxSeconds} s`);
  }

  /**
   * @param channels a stretch of each; where they differ in length, the others are silent from there on
   * @throws Failure ERR_AUDIO_TOO_LONG, ERR_AUDIO_NOT_FINITE
   */
  append(channels: readonly Float32Array[], sampleRate: number): void {
    const size = largest(
      channels.map((channel) => channel.length),
      0,
    );
    if (size === 0) return;
    this.#sampleRate ||= sampleRate; // a stream that changes its rate has no one rate to be heard at
    this.expect(this.#size + size, this.#sampleRate);
    const mono = new Float32Array(size);
    for (let i = 0; i < size; i++) {
      let sum = 0; // in double, then rounded once: FunASR's mean
      for (const channel of channels) sum += channel[i] ?? 0;
      const mean = sum / channels.length;
      if (!Number.isFinite(mean)) {
        const at = this.#size + i;
        const where = `at ${(at / this.#sampleRate).toFixed(3)} s (sample ${at})`;
        throw new Failure('ERR_AUDIO_NOT_FINITE', `${this.#name} holds a sample that is not a finite number, ${where}`);
      }
      mono[i] = mean;
    }
    this.#size += size;
    if (this.#rate === undefined || this.#rate === this.#sampleRate) {
      this.#parts.push(mono);
      return;
    }
    this.#resampler ??= new Resampler(this.#sampleRate, this.#rate);
    this.#parts.push(this.#resampler.push(mono));
  }

  get empty(): boolean {
    return this.#size === 0 || this.#sampleRate === 0;
  }

  /** The whole. No samples, at 0 Hz, where nothing was appended. */
  finish(): MonoClip {
    if (this.#resampler !== undefined) this.#parts.push(this.#resampler.finish());
    const sampleRate = this.#resampler === undefined ? this.#sampleRate : this.#rate!;
    return { pcm: { samples: this.#joined(), sampleRate }, durationSeconds: this.#size / (this.#sampleRate || 1) };
  }

  #joined(): Float32Array {
    if (this.#parts.length === 1) return this.#parts[0]!;
    const samples = new Float32Array(this.#parts.reduce((size, part) => size + part.length, 0));
    let at = 0;
    for (const part of this.#parts.splice(0)) {
      samples.set(part, at);
      at += part.length;
    }
    return samples;
  }
}
