import type { AudioBlock } from '../../audio-block.js';
import { skipId3 } from '../../id3.js';
import { decodePackets } from '../packets.js';
import type { Codec, Packet } from './codec.js';
import { decodeFrame, type FlacStream, frameHeader, readStreamInfo } from './flac-frame.js';

const FLAC = [0x66, 0x4c, 0x61, 0x43];
/** Range of bit depths that encoders write. */
const BITS = { min: 4, max: 32 };

/** Decodes a FLAC file of any bit depth up to 32. Source: RFC 9639. */
export function decodeFlac(bytes: Uint8Array): AsyncIterable<AudioBlock> {
  const begin = skipId3(bytes, 0) + FLAC.length;
  const { stream, end } = readMetadata(bytes, begin);
  const codec = new FlacCodec(stream);
  return decodePackets({ codec, packets: frames(bytes, end, stream, codec) });
}

/** Decodes the FLAC frames of a container. */
export class FlacCodec implements Codec {
  sampleRate: number;
  /** Size of the latest frame in bytes. */
  size = 0;
  readonly #stream: FlacStream;

  constructor(stream: FlacStream) {
    this.#stream = stream;
    this.sampleRate = stream.sampleRate;
  }

  decode(packet: Uint8Array): Float32Array[] {
    const { channelData, sampleRate, size } = decodeFrame(packet, this.#stream);
    this.sampleRate = sampleRate;
    this.size = size;
    return channelData;
  }
}

/**
 * Reads the metadata blocks.
 * @param at position of the first block
 * @returns the contents of STREAMINFO, and where the metadata ends
 * @throws Error if there is no STREAMINFO
 */
export function readMetadata(bytes: Uint8Array, at: number): { stream: FlacStream; end: number } {
  let stream: FlacStream | undefined;
  for (let last = false; !last && at + 4 <= bytes.length;) {
    last = (bytes[at]! & 0x80) !== 0;
    const type = bytes[at]! & 0x7f;
    const size = bytes[at + 1]! * 65536 + bytes[at + 2]! * 256 + bytes[at + 3]!;
    if (type === 0) stream = readStreamInfo(bytes.subarray(at + 4, at + 4 + size));
    at += 4 + size;
  }
  if (stream === undefined) throw new Error('the FLAC file has no header');
  if (stream.bits < BITS.min || stream.sampleRate === 0) throw new Error('the FLAC header is invalid');
  return { stream, end: at };
}

/** Yields one frame after another. The size of a frame is known only after it has been decoded. */
function* frames(bytes: Uint8Array, at: number, stream: FlacStream, codec: FlacCodec): Iterable<Packet> {
  while ((at = nextFrame(bytes, at, stream)) < bytes.length) {
    codec.size = 0;
    yield { data: bytes.subarray(at) };
    at += codec.size || 2; // after a damaged frame, the next one is searched for
  }
}

/**
 * Finds the next frame. At the expected position, a correct checksum of the header is sufficient; elsewhere the header must also
 * match the stream's properties.
 */
function nextFrame(bytes: Uint8Array, at: number, stream: FlacStream): number {
  if (frameHeader(bytes, at, stream) !== undefined) return at;
  for (; at < bytes.length; at++) {
    at = bytes.indexOf(0xff, at);
    if (at < 0) return bytes.length;
    const header = frameHeader(bytes, at, stream);
    const channels = header === undefined ? 0 : header.assignment < 8 ? header.assignment + 1 : 2;
    if (header?.bits === stream.bits && channels === stream.channels) return at;
  }
  return bytes.length;
}
