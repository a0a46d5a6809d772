import { id3Size } from '../../id3.js';

const HEADER = 4;
/** Number of bytes that are searched for the first frame: HTTP headers, a picture or zeros may precede it. */
const SEARCH_BYTES = 1 << 20;
/** Number of consecutive frames that identify a stream at an unexpected position. */
const MIN_FRAMES = 10;
/** Maximum size of a lyrics tag. */
const MAX_LYRICS = 8192;
/** Maximum number of searches for the end of a free-format frame. Each search examines thousands of bytes. */
const MAX_FREE_SEARCHES = 200;
/** Maximum size in bytes of a free-format frame: the limit of mpg123. */
const MAX_FREE_SIZE = 3456;

/**
 * Bit rates in kbit/s: MPEG-1 layers I, II, III; MPEG-2 layer I, layers II and III. Source: ISO/IEC 11172-3, 2.4.2.3; 13818-3,
 * 2.4.2.3.
 */
const BITRATES = [
  [0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448],
  [0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384],
  [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320],
  [0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256],
  [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160],
];
const RATES = [44100, 48000, 32000];

export interface MpegFrame {
  at: number;
  /** Size in bytes. */
  size: number;
  /** Number of samples of each channel. */
  samples: number;
  sampleRate: number;
  layer: 1 | 2 | 3;
  /** Whether the frame is in free format: its header does not state a bit rate, and so not its size. */
  free: boolean;
  /** Offset of the data after the side information. The Xing or Info tag is located there in an encoder's first frame. */
  tagAt: number;
}

/** Frames that one decoder decodes: a sequence of frames of the same sample rate and layer. */
export interface MpegRun {
  first: MpegFrame;
  /** Whether a file begins here, so that the first frame may contain the encoder's tag. */
  begins: boolean;
  count: number;
  /** Byte ranges of the frames. */
  ranges: [start: number, end: number][];
}

/** @param freeSize size of free-format frames without padding, if known */
function headerAt(bytes: Uint8Array, at: number, freeSize?: number): MpegFrame | undefined {
  if (bytes[at] !== 0xff || (bytes[at + 1]! & 0xe0) !== 0xe0 || at + HEADER > bytes.length) return undefined;
  const [first, second, third] = [bytes[at + 1]!, bytes[at + 2]!, bytes[at + 3]!];
  const version = (first >> 3) & 3; // 3: MPEG-1, 2: MPEG-2, 0: MPEG-2.5
  const layer = 4 - ((first >> 1) & 3);
  const [bitrateIndex, rateIndex] = [second >> 4, (second >> 2) & 3];
  if (version === 1 || layer === 4 || bitrateIndex === 15 || rateIndex === 3 || (third & 3) === 2) return undefined;
  const halved = version === 3 ? 0 : version === 2 ? 1 : 2;
  const sampleRate = RATES[rateIndex]! >> halved;
  const samples = layer === 1 ? 384 : layer === 3 && halved > 0 ? 576 : 1152;
  const slot = layer === 1 ? 4 : 1;
  const padding = second & 2 ? slot : 0;
  const bitrate = BITRATES[halved === 0 ? layer - 1 : layer === 1 ? 3 : 4]![bitrateIndex]! * 1000;
  if (bitrate === 0 && freeSize === undefined) return undefined;
  const size =
    bitrate === 0 ? freeSize! + padding : Math.floor((samples * bitrate) / (8 * sampleRate * slot)) * slot + padding;
  const mono = third >> 6 === 3;
  const side = halved === 0 ? (mono ? 17 : 32) : mono ? 9 : 17;
  return { at, size, samples, sampleRate, layer: layer as 1 | 2 | 3, free: bitrate === 0, tagAt: HEADER + side };
}

/** Returns whether two headers agree in the fields that are constant within a stream. */
function alike(bytes: Uint8Array, a: number, b: number): boolean {
  const sameRate = (bytes[a + 2]! & 0x0c) === (bytes[b + 2]! & 0x0c);
  return bytes[b] === 0xff && (bytes[a + 1]! | 1) === (bytes[b + 1]! | 1) && sameRate;
}

function isFree(bytes: Uint8Array, at: number): boolean {
  return headerAt(bytes, at, 0) !== undefined && bytes[at + 2]! >> 4 === 0;
}

/** Returns the size of free-format frames: the distance to the next frame, if the one after that has the same distance. */
function freeSizeAt(bytes: Uint8Array, at: number): number | undefined {
  if (!isFree(bytes, at)) return undefined;
  const free = (index: number) => alike(bytes, at, index) && bytes[index + 2]! >> 4 === 0;
  const slot = (bytes[at + 1]! & 6) === 6 ? 4 : 1; // layer I
  const padding = (index: number) => (bytes[index + 2]! & 2 ? slot : 0);
  for (let size = 24; size <= MAX_FREE_SIZE && at + size + HEADER <= bytes.length; size++) {
    const next = at + size + padding(at);
    if (!free(next)) continue;
    const second = next + size + padding(next);
    if (free(second) || second >= bytes.length) return size;
  }
  return undefined;
}

/**
 * Returns whether `count` consecutive frames begin here. If `count` is 2, the end of the file or a tag may replace the second
 * one.
 */
function confirmed(bytes: Uint8Array, at: number, count: number, freeSize?: number): boolean {
  let [next, seen] = [at, 0];
  while (seen < count) {
    const frame = headerAt(bytes, next, freeSize);
    if (frame === undefined || frame.size < HEADER || !alike(bytes, at, next)) return false;
    seen++;
    next += frame.size;
    if (count > 2) continue;
    if (next === bytes.length || tagSize(bytes, next) > 0) return true;
    if (next + HEADER > bytes.length) return seen > 1;
  }
  return true;
}

/** Returns the size of the ID3, APE or lyrics tag at this position; 0 if there is none. */
function tagSize(bytes: Uint8Array, at: number): number {
  const starts = (text: string) => [...text].every((letter, i) => bytes[at + i] === letter.charCodeAt(0));
  if (starts('ID3')) return id3Size(bytes, at);
  if (starts('TAG')) return 128;
  if (starts('LYRICSBEGIN')) {
    const end = Buffer.from(bytes.buffer, bytes.byteOffset + at, Math.min(bytes.length - at, MAX_LYRICS)).indexOf(
      'LYRICS200',
    );
    return end > 0 ? end + 9 : 11;
  }
  if (!starts('APETAGEX') || at + 32 > bytes.length) return 0;
  const size = new DataView(bytes.buffer, bytes.byteOffset + at).getUint32(12, true);
  return bytes[at + 23]! & 0x20 ? 32 + size : 32; // a footer: the tag that it counts precedes it
}

/**
 * Returns the position of the first frame after tags and other data, or -1 if there is none.
 * @param strict whether more consecutive frames are required, for bytes of unknown format
 */
export function firstFrame(bytes: Uint8Array, from = 0, strict = false): number {
  let at = from;
  for (let size; (size = tagSize(bytes, at)) > 0 && at + size < bytes.length;) at += size;
  const found = search(bytes, at, strict);
  // If nothing follows the tags, the size of a tag is wrong and the audio begins inside it.
  return found < 0 && at > from ? search(bytes, from, true) : found;
}

function search(bytes: Uint8Array, from: number, strict: boolean): number {
  const end = Math.min(bytes.length, from + SEARCH_BYTES);
  let searches = MAX_FREE_SEARCHES;
  for (let at = from; at < end; at++) {
    at = bytes.indexOf(0xff, at);
    if (at < 0 || at >= end) break;
    const guessed = strict && at > from;
    const freeSize = !guessed && searches > 0 && isFree(bytes, at) ? (searches--, freeSizeAt(bytes, at)) : undefined;
    if (guessed && (bytes[at + 1]! & 6) === 6) continue; // PCM samples can look like layer I, which encoders do not write
    if (confirmed(bytes, at, guessed ? MIN_FRAMES : 2, freeSize)) return at;
  }
  return -1;
}

/**
 * Divides the frames of a file, or of joined files, into runs of one sample rate. Tags and other data between frames are skipped.
 * Source: ISO/IEC 11172-3, 2.4; 13818-3.
 */
export function* mpegRuns(bytes: Uint8Array): Iterable<MpegRun> {
  let run: MpegRun | undefined;
  let at = firstFrame(bytes);
  let freeSize = at < 0 ? undefined : freeSizeAt(bytes, at);
  let begins = true;
  while (at >= 0 && at < bytes.length) {
    const frame = headerAt(bytes, at, freeSize);
    if (frame !== undefined && frame.size >= HEADER && (run === undefined || alike(bytes, run.first.at, at))) {
      const end = at + frame.size;
      if (end > bytes.length) break; // truncated
      if (run !== undefined && encoderTag(bytes, frame) !== undefined) {
        yield run;
        [run, begins] = [undefined, true];
      }
      run ??= { first: frame, begins, count: 0, ranges: [] };
      run.count++;
      const last = run.ranges.at(-1);
      if (last?.[1] === at) last[1] = end;
      else run.ranges.push([at, end]);
      at = end;
      continue;
    }
    const next = firstFrame(bytes, at);
    const joined = next >= 0 && tagSize(bytes, at) > 0;
    if (run !== undefined && (joined || (next >= 0 && !alike(bytes, run.first.at, next)))) {
      yield run;
      [run, begins] = [undefined, true];
    }
    at = next;
    if (at >= 0 && isFree(bytes, at)) freeSize = freeSizeAt(bytes, at);
  }
  if (run !== undefined) yield run;
}

/** Finds the encoder's tag (Xing, Info or VBRI), which occupies a frame of its own. */
export function encoderTag(bytes: Uint8Array, frame: MpegFrame): { kind: 'Xing' | 'VBRI'; at: number } | undefined {
  const is = (at: number, text: string) =>
    at + text.length <= frame.at + frame.size && [...text].every((letter, i) => bytes[at + i] === letter.charCodeAt(0));
  // The tag follows the side information, and the checksum of two bytes if there is one.
  for (const at of [frame.at + frame.tagAt, frame.at + frame.tagAt + 2]) {
    if (is(at, 'Xing') || is(at, 'Info')) return { kind: 'Xing', at };
  }
  const at = frame.at + HEADER + 32;
  return is(at, 'VBRI') ? { kind: 'VBRI', at } : undefined;
}
