/** One channel of audio. The unit in which clips move between the folders of lib/. */
export interface Pcm {
  /** float32 samples, nominally -1..1. */
  readonly samples: Float32Array;
  /** samples per second, 1 to 768000. */
  readonly sampleRate: number;
}

/** What `recognize` takes: a path, the bytes of an encoded file, or raw mono samples. */
export type AudioInput = string | Uint8Array | ArrayBuffer | Pcm;
