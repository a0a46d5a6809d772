/** Audio that is not compressed, or a byte a sample, converted a stretch at a time. */
export interface LinearAudio {
  /** Hz. */
  sampleRate: number;
  /** Samples of each channel. */
  frames: number;
  /** The samples of each channel from `start` to `end`, -1..1. */
  read(start: number, end: number): Float32Array[];
}
