/** Audio that is not compressed, or in blocks of a fixed size, converted a stretch at a time. */
export interface LinearAudio {
  /** Hz. */
  sampleRate: number;
  /** Samples of each channel. */
  frames: number;
  /** The samples of each channel from `start` to `end`, nominally -1..1. Fastest where each stretch follows the last one. */
  read(start: number, end: number): Float32Array[];
}

/** What a container of uncompressed audio may hold instead: a compressed stream, framed as in files of its own, or packets. */
export type EmbeddedStream = { codec: 'mp3'; bytes: Uint8Array } | EmbeddedPackets;

export interface EmbeddedPackets {
  codec: 'alac' | 'aac';
  /** The codec's own header, as the container keeps it. */
  cookie: Uint8Array;
  packets: Iterable<{ data: Uint8Array }>;
  /** Samples at the start that are not part of the clip. */
  skip: number;
  /** Samples of the clip, where that is known. */
  length: number | undefined;
}
