/** Decodes the packets of one stream, one after the other. */
export interface Codec {
  /** Hz, of what came last: some streams change it. */
  readonly sampleRate: number;
  /**
   * The samples of each channel that are complete with this packet, nominally -1..1. They are the caller's.
   * @throws Unsupported where the codec has a part that is not known here; Error where the packet is damaged
   */
  decode(packet: Uint8Array): Float32Array[] | Promise<Float32Array[]>;
  /** The samples that no further packet completes. */
  finish?(): Float32Array[];
  free?(): void;
}

export interface Packet {
  data: Uint8Array;
  /** How many samples of the stream there are up to the end of this packet: more of it are not part of the clip. */
  end?: number;
  /** Samples at the end of this packet that are not part of the clip. */
  discard?: number;
}

/** The packets of one stream, and which of their samples are the clip. */
export interface PacketStream {
  codec: Codec;
  packets: Iterable<Packet>;
  /** Samples at the start that are not part of the clip. Default 0. */
  skip?: number;
  /** Samples of the clip, where that is known. */
  length?: number | undefined;
}
