import { Failure } from './failure.js';
import type { Pcm } from './pcm.js';

/** One channel, the mean of all, collected from stretches as they are decoded: the channels exist a stretch at a time. */
export class MonoAudio {
  readonly #name: string;
  readonly #maxSeconds: number;
  readonly #parts: Float32Array[] = [];
  #size = 0;
  #sampleRate = 0;

  /**
   * @param name of the clip, for errors
   * @param maxSeconds `append` refuses what makes it longer
   */
  constructor(name: string, maxSeconds: number) {
    this.#name = name;
    this.#maxSeconds = maxSeconds;
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
    const size = Math.max(0, ...channels.map((channel) => channel.length));
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
    this.#parts.push(mono);
    this.#size += size;
  }

  /** The whole. No samples, at 0 Hz, where nothing was appended. */
  finish(): Pcm {
    const sampleRate = this.#sampleRate;
    if (this.#parts.length === 1) return { samples: this.#parts[0]!, sampleRate };
    const samples = new Float32Array(this.#size);
    let at = 0;
    for (const part of this.#parts.splice(0)) {
      samples.set(part, at);
      at += part.length;
    }
    return { samples, sampleRate };
  }
}
