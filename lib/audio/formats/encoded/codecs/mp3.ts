import { identify } from '../../identify.js';
import type { Stretch } from '../../audio-block.js';
import { encoderTag, firstFrame, type MpegRun, mpegRuns } from './mp3-frames.js';
import { withoutIcy } from '../../icy.js';

const HAS_FRAMES = 1;
const HAS_BYTES = 2;
const HAS_TABLE = 4;
const HAS_QUALITY = 8;
/** Taggers that run after the encoder may drop a few bytes. */
const TOLERANCE = 0.98;
/** Samples by which any decoder is late, on top of what the encoder notes. */
const DECODER_DELAY = 529;
/** Bytes that are decoded at once. */
const PIECE = 32_768;
/** Files that were joined, at most, and gaps in them: each needs a decoder of its own. */
const RUNS = 1000;
const ENCODERS = /^(LAME|Lavf|Lavc|L3\.9|GOGO)/;

interface EncoderTag {
  /** What follows, this frame with it, in bytes. */
  bytes?: number;
  /** That follow this one. */
  frames?: number;
  /** Samples that the encoder has put before and behind the clip. */
  delay?: number;
  padding?: number;
}

/** What of a stream is the clip, in samples, where a container says it. */
export interface Trim {
  skip: number;
  length: number | undefined;
}

/**
 * Decodes MPEG audio: layers I to III, of one file or of several that were joined.
 * @throws Error where there is no frame in it, and for free format
 */
export async function* decodeMp3(file: Uint8Array, trim?: Trim): AsyncIterable<Stretch> {
  const bytes = withoutIcy(file);
  const { MPEGDecoder } = await import('mpg123-decoder');
  let runs = 0;
  for (const run of mpegRuns(bytes)) {
    if (++runs > RUNS) throw new Error('its MPEG frames are of no one stream');
    // mpg123 loses its way in them, and gives a part of the clip.
    if (run.first.free)
      throw new Error('it is an MP3 in free format, without a bit rate: convert it to one with a bit rate');
    const decoder = new MPEGDecoder({ enableGapless: false });
    await decoder.ready;
    try {
      yield* decodeRun(bytes, run, (piece) => decoder.decode(piece), runs === 1 ? trim : undefined);
    } finally {
      decoder.free();
    }
  }
  if (runs === 0) throw new Error('it holds no MPEG audio');
}

function* decodeRun(
  bytes: Uint8Array,
  { first, begins, count, pieces }: MpegRun,
  decode: (piece: Uint8Array) => { channelData: Float32Array[]; samplesDecoded: number },
  trim: Trim | undefined,
): Iterable<Stretch> {
  const tag = begins ? readEncoderTag(bytes, first) : undefined;
  const audio = tag === undefined ? count : count - 1;
  const trimmed = tag?.delay !== undefined;
  let skip = trimmed ? tag.delay! + DECODER_DELAY : (trim?.skip ?? 0);
  const whole = trimmed && tag.frames === audio;
  let left = whole ? audio * first.samples - tag.delay! - tag.padding! : (!trimmed && trim?.length) || Infinity;
  for (const piece of inPieces(pieces, tag === undefined ? first.at : first.at + first.size)) {
    const { channelData, samplesDecoded } = decode(bytes.subarray(...piece));
    const from = Math.min(skip, samplesDecoded);
    skip -= from;
    const end = Math.min(samplesDecoded, from + Math.max(0, left));
    left -= end - from;
    if (end > from) {
      yield { channelData: channelData.map((channel) => channel.subarray(from, end)), sampleRate: first.sampleRate };
    }
  }
}

function* inPieces(pieces: [number, number][], from: number): Iterable<[number, number]> {
  for (const [start, end] of pieces) {
    for (let at = Math.max(start, from); at < end; at += PIECE) yield [at, Math.min(end, at + PIECE)];
  }
}

/**
 * How much of an MP3 is missing: encoders note the stream's size in the Xing or Info tag of the first frame.
 * @returns undefined when the file is whole or carries no such note
 */
export function missingFromMp3(file: Uint8Array): { promised: number; found: number } | undefined {
  if (identify(file).format !== 'mpeg') return undefined;
  const bytes = withoutIcy(file);
  const at = firstFrame(bytes, 0, true);
  const [run] = mpegRuns(bytes.subarray(at, at + 8192));
  const promised = run === undefined ? undefined : readEncoderTag(bytes.subarray(at), run.first)?.bytes;
  if (promised === undefined) return undefined;
  const found = bytes.length - at;
  return found < promised * TOLERANCE ? { promised, found } : undefined;
}

/** What the encoder notes in the first frame. Source: the LAME tag's specification, revision 1. */
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
