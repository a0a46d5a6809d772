import { Unsupported } from '../../../decode-errors.js';
import type { Stretch } from '../../audio-block.js';
import { AacCodec } from '../codecs/aac.js';
import { SAMPLE_RATES } from '../codecs/aac-tables.js';
import type { Packet } from '../codecs/codec.js';
import { decodePackets } from '../packets.js';

const HEADER = 7;
/** Bytes in which the first frame is looked for. */
const SEARCH = 1 << 20;
/** Frames in a row that make a stream, where nothing says that it is one. */
const IN_A_ROW = 10;

interface AdtsFrame {
  /** Bytes, and of them the header. */
  size: number;
  header: number;
  objectType: number;
  sampleRate: number;
  channels: number;
  blocks: number;
}

/** Source: ISO/IEC 14496-3, 1.A.2.2. */
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

/** Where the first frame of AAC is; -1 where there is none. */
export function firstAdtsFrame(bytes: Uint8Array, from: number): number {
  const most = Math.min(bytes.length, from + SEARCH);
  for (let at = from; at < most; at++) {
    at = bytes.indexOf(0xff, at);
    if (at < 0 || at >= most) return -1;
    if (confirmed(bytes, at, at === from ? 2 : IN_A_ROW)) return at;
  }
  return -1;
}

/** Decodes AAC frames with a header each; where their rate changes, a new stream begins. @param at the first one's */
export async function* decodeAdts(bytes: Uint8Array, at: number): AsyncIterable<Stretch> {
  while (at >= 0 && at < bytes.length) {
    const first = frameAt(bytes, at);
    if (first === undefined) return;
    const codec = new AacCodec(first);
    const run = { at };
    yield* decodePackets({ codec, packets: packets(bytes, run, first) });
    at = run.at;
  }
}

/** From one frame to the next, as far as they are alike. @param run moves on to what comes behind */
function* packets(bytes: Uint8Array, run: { at: number }, first: AdtsFrame): Iterable<Packet> {
  while (run.at < bytes.length) {
    const frame = frameAt(bytes, run.at);
    if (frame === undefined) {
      const next = firstAdtsFrame(bytes, run.at);
      run.at = next < 0 ? bytes.length : next;
      continue;
    }
    if (!alike(first, frame)) return;
    if (run.at + frame.size > bytes.length) {
      run.at = bytes.length;
      return; // cut off
    }
    if (frame.blocks > 1) throw new Unsupported('AAC of several blocks a frame');
    yield { data: bytes.subarray(run.at + frame.header, run.at + frame.size) };
    run.at += frame.size;
  }
}
