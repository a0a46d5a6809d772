/** Uncompressed audio, or audio in blocks of a fixed size, which can be converted from any position. */
export interface LinearAudio {
  /** In Hz. */
  sampleRate: number;
  /** Number of samples of each channel. */
  frames: number;
  /** Returns the samples of each channel from `start` to `end`, nominally -1..1. Sequential reads are fastest. */
  read(start: number, end: number): Float32Array[];
}

/** Compressed audio in a container of uncompressed audio: a stream that is framed as in its own files, or packets. */
export type EmbeddedStream = { codec: 'mp3'; bytes: Uint8Array } | EmbeddedPackets;

export interface EmbeddedPackets {
  codec: 'alac' | 'aac';
  /** The codec's configuration in the container. */
  cookie: Uint8Array;
  packets: Iterable<{ data: Uint8Array }>;
  /** Number of priming samples at the start. */
  skip: number;
  /** Length of the clip in samples, if known. */
  length: number | undefined;
}
