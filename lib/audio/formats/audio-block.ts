/** A block of decoded audio. Decoders deliver a clip as a sequence of blocks. */
export interface AudioBlock {
  /** The samples of each channel, nominally -1..1. */
  channelData: readonly Float32Array[];
  /** In Hz. */
  sampleRate: number;
}

/** A clip whose format is known. Its blocks are decoded on demand. */
export interface OpenedAudio {
  decoder: 'builtin' | 'ffmpeg';
  /**
   * The length according to the header, if it can be trusted. It lets a clip that is too long be rejected before it is decoded.
   */
  expected?: { frames: number; sampleRate: number };
  blocks: Iterable<AudioBlock> | AsyncIterable<AudioBlock>;
}
