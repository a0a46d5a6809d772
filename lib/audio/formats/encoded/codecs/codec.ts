/** Decodes the packets of one stream in order. */
export interface Codec {
  /** Sample rate in Hz of the latest packet. Some streams change it. */
  readonly sampleRate: number;
  /**
   * Decodes a packet. Returns the samples of each channel that the packet completes, nominally -1..1. The caller owns the arrays.
   * @throws UnsupportedFormatError if the stream uses an unsupported feature of the codec; Error if the packet is damaged
   */
  decode(packet: Uint8Array): Float32Array[] | Promise<Float32Array[]>;
  /** Returns the samples that remain after the last packet. */
  finish?(): Float32Array[];
  free?(): void;
}

export interface Packet {
  data: Uint8Array;
  /** Number of samples of the stream up to the end of this packet. Further samples of the packet are padding. */
  end?: number;
  /** Number of padding samples at the end of this packet. */
  discard?: number;
}

/** The packets of one stream, and which of their samples belong to the clip. */
export interface PacketStream {
  codec: Codec;
  packets: Iterable<Packet>;
  /** Number of priming samples (encoder delay) at the start, which are not part of the clip. Default 0. */
  skip?: number;
  /** Length of the clip in samples, if known. */
  length?: number | undefined;
}
