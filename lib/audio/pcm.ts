/** One channel of audio. The unit in which clips move between the folders of lib/. */
export interface Pcm {
  /** float32 samples, nominally -1..1. */
  readonly samples: Float32Array;
  /** samples per second, 1000 to 768000. */
  readonly sampleRate: number;
}

/** What `recognize` takes: a path, the bytes of an encoded file, or raw mono samples. */
export type AudioInput = string | Uint8Array | ArrayBuffer | Pcm;

/** The first sample that is not a finite number; -1 where all are. */
export function firstNotFinite(samples: Float32Array): number {
  // A sum is finite only where all are: ten times as fast as asking each, in an array of millions. It cannot overflow by itself.
  let sum = 0;
  for (let i = 0; i < samples.length; i++) sum += samples[i]!;
  return Number.isFinite(sum) ? -1 : samples.findIndex((sample) => !Number.isFinite(sample));
}
