import { id3Size } from '../../id3.js';

const HEADER = 4;
/** Where the first frame is looked for behind what is none: a page of HTTP headers, a picture, zeros. */
const SEARCH = 1 << 20;
/** Headers in a row that make a stream, where nothing says that it is one. */
const IN_A_ROW = 10;
/** Bytes of lyrics, at most. */
const LYRICS = 8192;
/** How often a frame in free format is looked for: it takes a look at each byte behind it. */
const FREE_TRIES = 200;
/** Bytes of a frame in free format, at most: what mpg123 reads. */
const FREE_MAX = 3456;

/** kbit/s: MPEG-1 layers I, II, III; MPEG-2 layer I, layers II and III. Source: ISO/IEC 11172-3, 2.4.2.3; 13818-3, 2.4.2.3. */
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
  /** Bytes. */
  size: number;
  /** Samples of each channel. */
  samples: number;
  sampleRate: number;
  layer: 1 | 2 | 3;
  /** Whether its header does not say how large it is. */
  free: boolean;
  /** Of the side information, from the frame's start: where the first frame of an encoder's own has its tag. */
  tagAt: number;
}

/** Frames that one decoder decodes: of one rate and layer, one behind the other. */
export interface MpegRun {
  first: MpegFrame;
  /** Whether a file begins here, so that the first frame may be its encoder's tag. */
  begins: boolean;
  count: number;
  /** Where they lie, from a byte to a byte. */
  pieces: [start: number, end: number][];
}

/** @param freeSize of frames in free format, where that is known: without padding */
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

/** What frames of one stream have in common, of the first three bytes. */
function alike(bytes: Uint8Array, a: number, b: number): boolean {
  const sameRate = (bytes[a + 2]! & 0x0c) === (bytes[b + 2]! & 0x0c);
  return bytes[b] === 0xff && (bytes[a + 1]! | 1) === (bytes[b + 1]! | 1) && sameRate;
}

function isFree(bytes: Uint8Array, at: number): boolean {
  return headerAt(bytes, at, 0) !== undefined && bytes[at + 2]! >> 4 === 0;
}

/** How large frames in free format are: as far as to the next one, twice. */
function freeSizeAt(bytes: Uint8Array, at: number): number | undefined {
  if (!isFree(bytes, at)) return undefined;
  const free = (index: number) => alike(bytes, at, index) && bytes[index + 2]! >> 4 === 0;
  const slot = (bytes[at + 1]! & 6) === 6 ? 4 : 1; // of layer I
  const padding = (index: number) => (bytes[index + 2]! & 2 ? slot : 0);
  for (let size = 24; size <= FREE_MAX && at + size + HEADER <= bytes.length; size++) {
    const next = at + size + padding(at);
    if (!free(next)) continue;
    const second = next + size + padding(next);
    if (free(second) || second >= bytes.length) return size;
  }
  return undefined;
}

/** Whether a frame stands there and as many follow, one behind the other, as make a stream: `count`, or of two all to the end. */
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

/** Of an ID3 or APE tag, or lyrics. */
function tagSize(bytes: Uint8Array, at: number): number {
  const starts = (text: string) => [...text].every((letter, i) => bytes[at + i] === letter.charCodeAt(0));
  if (starts('ID3')) return id3Size(bytes, at);
  if (starts('TAG')) return 128;
  if (starts('LYRICSBEGIN')) {
    const end = Buffer.from(bytes.buffer, bytes.byteOffset + at, Math.min(bytes.length - at, LYRICS)).indexOf(
      'LYRICS200',
    );
    return end > 0 ? end + 9 : 11;
  }
  if (!starts('APETAGEX') || at + 32 > bytes.length) return 0;
  const size = new DataView(bytes.buffer, bytes.byteOffset + at).getUint32(12, true);
  return bytes[at + 23]! & 0x20 ? 32 + size : 32; // at the file's end the footer comes last: what it counts is behind us
}

/**
 * Where the first frame is, behind tags and what is none.
 * @param strict whether more frames in a row are asked for, where it is not known what the bytes are
 * @returns -1 where there is none
 */
export function firstFrame(bytes: Uint8Array, from = 0, strict = false): number {
  let at = from;
  for (let size; (size = tagSize(bytes, at)) > 0 && at + size < bytes.length;) at += size;
  const found = search(bytes, at, strict);
  // A tag whose size is not true: the audio is somewhere in it.
  return found < 0 && at > from ? search(bytes, from, true) : found;
}

function search(bytes: Uint8Array, from: number, strict: boolean): number {
  const most = Math.min(bytes.length, from + SEARCH);
  let tries = FREE_TRIES;
  for (let at = from; at < most; at++) {
    at = bytes.indexOf(0xff, at);
    if (at < 0 || at >= most) break;
    const guessed = strict && at > from;
    const freeSize = !guessed && tries > 0 && isFree(bytes, at) ? (tries--, freeSizeAt(bytes, at)) : undefined;
    if (guessed && (bytes[at + 1]! & 6) === 6) continue; // layer I, which nobody writes: plain samples look like it
    if (confirmed(bytes, at, guessed ? IN_A_ROW : 2, freeSize)) return at;
  }
  return -1;
}

/**
 * The frames of a file, and of files that were joined, by runs of one rate. What lies between, tags and rubbish, belongs to none.
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
      if (end > bytes.length) break; // cut off
      if (run !== undefined && encoderTag(bytes, frame) !== undefined) {
        yield run;
        [run, begins] = [undefined, true];
      }
      run ??= { first: frame, begins, count: 0, pieces: [] };
      run.count++;
      const piece = run.pieces.at(-1);
      if (piece?.[1] === at) piece[1] = end;
      else run.pieces.push([at, end]);
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

/** Where the tag of an encoder lies that stands in a frame of its own, and which one it is. */
export function encoderTag(bytes: Uint8Array, frame: MpegFrame): { kind: 'Xing' | 'VBRI'; at: number } | undefined {
  const is = (at: number, text: string) =>
    at + text.length <= frame.at + frame.size && [...text].every((letter, i) => bytes[at + i] === letter.charCodeAt(0));
  for (const at of [frame.at + frame.tagAt, frame.at + frame.tagAt + 2]) {
    // behind a checksum
    if (is(at, 'Xing') || is(at, 'Info')) return { kind: 'Xing', at };
  }
  const at = frame.at + HEADER + 32;
  return is(at, 'VBRI') ? { kind: 'VBRI', at } : undefined;
}
