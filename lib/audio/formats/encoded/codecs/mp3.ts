import type { AudioBlock } from '../../audio-block.js';
import { withoutIcy } from '../../icy.js';
import { identify } from '../../identify.js';
import { encoderTag, firstFrame, type MpegRun, mpegRuns } from './mp3-frames.js';

const HAS_FRAMES = 1;
const HAS_BYTES = 2;
const HAS_TABLE = 4;
const HAS_QUALITY = 8;
/** Share of the declared size that must be present. Tag editors may remove a few bytes. */
const TOLERANCE = 0.98;
/** Delay in samples of every decoder, in addition to the encoder delay in the tag. */
const DECODER_DELAY = 529;
/** Number of bytes that are decoded at once. */
const CHUNK_BYTES = 32_768;
/** Maximum number of runs in joined files. Each requires a decoder of its own. */
const MAX_RUNS = 1000;
/** Encoders that write the encoder delay and padding. */
const ENCODERS = /^(LAME|Lavf|Lavc|L3\.9|GOGO)/;

interface EncoderTag {
  /** Number of bytes of the stream, including the tag's frame. */
  bytes?: number;
  /** Number of frames after the tag's frame. */
  frames?: number;
  /** Encoder delay and padding: the number of samples that the encoder added before and after the clip. */
  delay?: number;
  padding?: number;
}

/** Which samples of a stream belong to the clip, according to its container. */
export interface Trim {
  skip: number;
  length: number | undefined;
}

/**
 * Decodes MPEG audio, layers I to III, of one file or of several joined files.
 * @throws Error if there is no frame, or if the stream is in free format
 */
export async function* decodeMp3(file: Uint8Array, trim?: Trim): AsyncIterable<AudioBlock> {
  const bytes = withoutIcy(file);
  const { MPEGDecoder } = await import('mpg123-decoder');
  let runs = 0;
  for (const run of mpegRuns(bytes)) {
    if (++runs > MAX_RUNS) throw new Error(`its MPEG frames belong to more than ${MAX_RUNS} streams`);
    // mpg123 loses synchronization in free-format streams and returns a part of the clip only.
    if (run.first.free)
      throw new Error('it is a free-format MP3, which has no bit rate: convert it to an MP3 with a bit rate');
    const decoder = new MPEGDecoder({ enableGapless: false });
    await decoder.ready;
    try {
      yield* decodeRun(bytes, run, (chunk) => decoder.decode(chunk), runs === 1 ? trim : undefined);
    } finally {
      decoder.free();
    }
  }
  if (runs === 0) throw new Error('it contains no MPEG audio');
}

function* decodeRun(
  bytes: Uint8Array,
  { first, begins, count, ranges }: MpegRun,
  decode: (chunk: Uint8Array) => { channelData: Float32Array[]; samplesDecoded: number },
  trim: Trim | undefined,
): Iterable<AudioBlock> {
  const tag = begins ? readEncoderTag(bytes, first) : undefined;
  const audio = tag === undefined ? count : count - 1;
  const trimmed = tag?.delay !== undefined;
  let skip = trimmed ? tag.delay! + DECODER_DELAY : (trim?.skip ?? 0);
  const whole = trimmed && tag.frames === audio;
  let left = whole ? audio * first.samples - tag.delay! - tag.padding! : (!trimmed && trim?.length) || Infinity;
  for (const range of inChunks(ranges, tag === undefined ? first.at : first.at + first.size)) {
    const { channelData, samplesDecoded } = decode(bytes.subarray(...range));
    const from = Math.min(skip, samplesDecoded);
    skip -= from;
    const end = Math.min(samplesDecoded, from + Math.max(0, left));
    left -= end - from;
    if (end > from) {
      yield { channelData: channelData.map((channel) => channel.subarray(from, end)), sampleRate: first.sampleRate };
    }
  }
}

function* inChunks(ranges: [number, number][], from: number): Iterable<[number, number]> {
  for (const [start, end] of ranges) {
    for (let at = Math.max(start, from); at < end; at += CHUNK_BYTES) yield [at, Math.min(end, at + CHUNK_BYTES)];
  }
}

/**
 * Detects a truncated MP3. Encoders write the size of the stream into the Xing or Info tag of the first frame.
 * @returns the declared and the actual number of bytes; undefined if the file is complete or has no such tag
 */
export function missingFromMp3(file: Uint8Array): { declared: number; found: number } | undefined {
  if (identify(file).format !== 'mpeg') return undefined;
  const bytes = withoutIcy(file);
  const at = firstFrame(bytes, 0, true);
  const [run] = mpegRuns(bytes.subarray(at, at + 8192));
  const declared = run === undefined ? undefined : readEncoderTag(bytes.subarray(at), run.first)?.bytes;
  if (declared === undefined) return undefined;
  const found = bytes.length - at;
  return found < declared * TOLERANCE ? { declared, found } : undefined;
}

/** Reads the encoder's tag in the first frame. Source: the LAME tag's specification, revision 1. */
function readEncoderTag(bytes: Uint8Array, frame: MpegRun['first']): EncoderTag | undefined {
  const tag = encoderTag(bytes, frame);
  if (tag === undefined) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset + tag.at, frame.at + frame.size - tag.at);
  if (tag.kind === 'VBRI' || view.byteLength < 120) return {};
  const flags = view.getUint32(4);
  const [frames, size, table, quality] = [HAS_FRAMES, HAS_BYTES, HAS_TABLE, HAS_QUALITY].map(
    (flag) => (flags & flag) !== 0,
  );
  const found: EncoderTag = {};
  let at = 8;
  if (frames) found.frames = view.getUint32(at);
  at += frames ? 4 : 0;
  if (size) found.bytes = view.getUint32(at);
  at += (size ? 4 : 0) + (table ? 100 : 0) + (quality ? 4 : 0);
  if (at + 24 > view.byteLength) return found;
  const encoder = String.fromCharCode(...bytes.subarray(tag.at + at, tag.at + at + 4));
  if (!ENCODERS.test(encoder)) return found;
  const delays = view.getUint32(at + 20) & 0xffffff;
  return { ...found, delay: delays >> 12, padding: delays & 0xfff };
}
