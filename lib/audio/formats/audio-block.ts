/** A stretch of decoded audio. */
export interface Stretch {
  /** The samples of each channel, nominally -1..1. */
  channelData: readonly Float32Array[];
  /** Hz. */
  sampleRate: number;
}

/** Audio of a known format, decoded as it is asked for. */
export interface OpenedAudio {
  decoder: 'builtin' | 'ffmpeg';
  /** What the header promises, where it is known to be true: a clip that is too long is refused before it is decoded. */
  expected?: { frames: number; sampleRate: number };
  stretches: Iterable<Stretch> | AsyncIterable<Stretch>;
}
