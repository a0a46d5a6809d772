import { UnsupportedFormatError } from '../../../decode-errors.js';
import type { AudioBlock } from '../../audio-block.js';
import { AacCodec } from '../codecs/aac.js';
import { SAMPLE_RATES } from '../codecs/aac-tables.js';
import type { Packet } from '../codecs/codec.js';
import { decodePackets } from '../packets.js';

/** Size of a header without a checksum. */
const HEADER = 7;
/** Number of bytes that are searched for the first frame. */
const SEARCH_BYTES = 1 << 20;
/** Number of consecutive frames that identify a stream at an unexpected position. */
const MIN_FRAMES = 10;

interface AdtsFrame {
  /** Size in bytes, including the header. */
  size: number;
  /** Size of the header in bytes. */
  header: number;
  objectType: number;
  sampleRate: number;
  channels: number;
  /** Number of raw data blocks. */
  blocks: number;
}

/** Reads the header of a frame. Source: ISO/IEC 14496-3, 1.A.2.2. */
function frameAt(bytes: Uint8Array, at: number): AdtsFrame | undefined {
  if (bytes[at] !== 0xff || (bytes[at + 1]! & 0xf6) !== 0xf0 || at + HEADER > bytes.length) return undefined;
  const [first, second, third] = [bytes[at + 2]!, bytes[at + 3]!, bytes[at + 4]!];
  const sampleRate = SAMPLE_RATES[(first >> 2) & 15];
  const size = ((second & 3) << 11) | (third << 3) | (bytes[at + 5]! >> 5);
  const header = bytes[at + 1]! & 1 ? HEADER : HEADER + 2;
  if (sampleRate === undefined || size <= header) return undefined;
  const channels = ((first & 1) << 2) | (second >> 6);
  return { size, header, objectType: (first >> 6) + 1, sampleRate, channels, blocks: (bytes[at + 6]! & 3) + 1 };
}

function alike(a: AdtsFrame, b: AdtsFrame): boolean {
  return a.sampleRate === b.sampleRate && a.channels === b.channels && a.objectType === b.objectType;
}

/** Returns whether `count` consecutive frames begin here. If `count` is 2, the end of the file may replace the second one. */
function confirmed(bytes: Uint8Array, at: number, count: number): boolean {
  const first = frameAt(bytes, at);
  let frame = first;
  for (let seen = 1; frame !== undefined && seen < count; seen++) {
    at += frame.size;
    if (at >= bytes.length - HEADER) return count === 2 && (seen > 1 || at === bytes.length);
    frame = frameAt(bytes, at);
    if (frame !== undefined && !alike(first!, frame)) return false;
  }
  return frame !== undefined;
}

/** Returns the position of the first AAC frame; -1 if there is none. */
export function firstAdtsFrame(bytes: Uint8Array, from: number): number {
  const end = Math.min(bytes.length, from + SEARCH_BYTES);
  for (let at = from; at < end; at++) {
    at = bytes.indexOf(0xff, at);
    if (at < 0 || at >= end) return -1;
    if (confirmed(bytes, at, at === from ? 2 : MIN_FRAMES)) return at;
  }
  return -1;
}

/**
 * Decodes AAC frames with ADTS headers. A new decoder is used when the sample rate changes.
 * @param at position of the first frame
 */
export async function* decodeAdts(bytes: Uint8Array, at: number): AsyncIterable<AudioBlock> {
  while (at >= 0 && at < bytes.length) {
    const first = frameAt(bytes, at);
    if (first === undefined) return;
    const codec = new AacCodec(first);
    const cursor = { at };
    yield* decodePackets({ codec, packets: packets(bytes, cursor, first) });
    at = cursor.at;
  }
}

/**
 * Yields frames while they have the same properties.
 * @param cursor is advanced to the position after the last frame
 */
function* packets(bytes: Uint8Array, cursor: { at: number }, first: AdtsFrame): Iterable<Packet> {
  while (cursor.at < bytes.length) {
    const frame = frameAt(bytes, cursor.at);
    if (frame === undefined) {
      const next = firstAdtsFrame(bytes, cursor.at);
      cursor.at = next < 0 ? bytes.length : next;
      continue;
    }
    if (!alike(first, frame)) return;
    if (cursor.at + frame.size > bytes.length) {
      cursor.at = bytes.length;
      return; // truncated
    }
    if (frame.blocks > 1) throw new UnsupportedFormatError('AAC with several blocks per frame');
    yield { data: bytes.subarray(cursor.at + frame.header, cursor.at + frame.size) };
    cursor.at += frame.size;
  }
}
