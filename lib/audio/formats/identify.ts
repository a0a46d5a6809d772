import { firstFrame } from './encoded/codecs/mp3-frames.js';
import { firstAdtsFrame } from './encoded/containers/adts.js';
import { withoutIcy } from './icy.js';
import { skipId3 } from './id3.js';

/** Formats of compressed audio that the built-in decoders read. */
export type EncodedFormat = 'adts' | 'amr' | 'flac' | 'matroska' | 'mp4' | 'mpeg' | 'ogg' | 'wavpack';

export interface Identified {
  /** Undefined if no built-in decoder reads the format. */
  format: EncodedFormat | undefined;
  /** Name of the format; undefined if it is not recognized. */
  name: string | undefined;
  /** Position of the format's first byte, after tags, zeros and other data. */
  start: number;
}

/** Number of bytes of other data in which the beginning of a container is searched for. */
const SEARCH_BYTES = 1 << 20;

interface Signature {
  /** Bytes as Latin-1. `?` matches any byte. */
  text: string;
  /** Position. Default 0. */
  at?: number;
  format?: EncodedFormat;
  name: string;
}

const SIGNATURES: readonly Signature[] = [
  { text: 'OggS\0', format: 'ogg', name: 'Ogg' },
  { text: 'fLaC', format: 'flac', name: 'FLAC' },
  { text: '\x1a\x45\xdf\xa3', format: 'matroska', name: 'Matroska or WebM' },
  { text: '#!AMR', format: 'amr', name: 'AMR' },
  { text: 'wvpk', format: 'wavpack', name: 'WavPack' },
  { text: '\x30\x26\xb2\x75\x8e\x66\xcf\x11', name: 'Windows Media (ASF)' },
  { text: 'TTA1', name: 'True Audio' },
  { text: 'MAC ', name: "Monkey's Audio" },
  { text: 'MPCK', name: 'Musepack' },
  { text: 'MP+', name: 'Musepack' },
  { text: 'DSD ', name: 'DSD' },
  { text: 'FRM8????????DSD ', name: 'DSD' },
  { text: '\x0b\x77', name: 'AC-3 or E-AC-3' },
  { text: '\x77\x0b', name: 'AC-3 or E-AC-3' },
  { text: '\x7f\xfe\x80\x01', name: 'DTS' },
  { text: '\xfe\x7f\x01\x80', name: 'DTS' },
  { text: '\x1f\xff\xe8\x00', name: 'DTS' },
  { text: '\xff\x1f\x00\xe8', name: 'DTS' },
  { text: 'qoaf', name: 'QOA' },
  { text: 'MThd', name: 'MIDI, which contains notes and no audio' },
  { text: 'RIFF????RMID', name: 'MIDI, which contains notes and no audio' },
  { text: 'RIFF????AVI ', name: 'AVI' },
  { text: 'RIFF????WAVE', name: 'WAV with this codec' },
  { text: 'RF64????WAVE', name: 'WAV with this codec' },
  { text: 'BW64????WAVE', name: 'WAV with this codec' },
  { text: 'riff\x2e\x91\xcf\x11', name: 'Wave64 with this codec' },
  { text: 'FORM????AIFF', name: 'AIFF with this codec' },
  { text: 'FORM????AIFC', name: 'AIFF with this codec' },
  { text: 'caff\0', name: 'CAF with this codec' },
  { text: '.snd', name: 'AU with this codec' },
  { text: 'FLV\x01', name: 'Flash video' },
  { text: '.RMF', name: 'RealMedia' },
  { text: '.ra\xfd', name: 'RealAudio' },
  { text: '\0\0\x01\xba', name: 'MPEG program streams' },
  { text: 'IMPM', name: 'tracker modules, which contain notes and instruments' },
  { text: 'Extended Module: ', name: 'tracker modules, which contain notes and instruments' },
  { text: 'SCRM', at: 44, name: 'tracker modules, which contain notes and instruments' },
  { text: 'M.K.', at: 1080, name: 'tracker modules, which contain notes and instruments' },
];

/** Boxes with which an MP4 or QuickTime file may begin. Older files have no `ftyp`. */
const BOXES = new Set(['ftyp', 'moov', 'mdat', 'free', 'skip', 'wide', 'pnot', 'styp', 'sidx', 'moof']);
/** Brands of image formats that use the container of MP4. */
const IMAGE_BRANDS = new Set(['heic', 'heix', 'hevc', 'heim', 'heis', 'mif1', 'msf1', 'avif', 'avis', 'crx ']);
const TS_PACKET = 188;

/** Identifies a format by the first bytes of a container, or by several consecutive frames of a stream without a container. */
export function identify(file: Uint8Array): Identified {
  const first = signature(file, 0);
  if (first !== undefined) return first;
  if (isTransportStream(file)) return { format: undefined, name: 'MPEG transport streams', start: 0 };
  const bytes = withoutIcy(file);
  const icy = bytes === file ? 0 : -1; // -1: `bytes` is a part or a copy of the file, which the decoder extracts again itself
  const start = afterPadding(bytes);
  const known = start > 0 || icy < 0 ? signature(bytes, start) : undefined;
  if (known?.format !== undefined) return known;
  const adts = firstAdtsFrame(bytes, start);
  const mpeg = firstFrame(bytes, start, true);
  if (mpeg >= 0 && (adts < 0 || mpeg <= adts)) return { format: 'mpeg', name: 'MPEG audio', start: icy < 0 ? 0 : mpeg };
  if (adts >= 0) return { format: 'adts', name: 'AAC', start: adts };
  if (isLoas(bytes, start)) return { format: undefined, name: 'AAC in LATM', start };
  return known ?? findContainer(bytes) ?? { format: undefined, name: undefined, start: 0 };
}

function signature(bytes: Uint8Array, start: number): Identified | undefined {
  const found = SIGNATURES.find(({ text, at = 0 }) => matches(bytes, start + at, text));
  if (found !== undefined) return { format: found.format, name: found.name, start };
  const type = latin1(bytes, start + 4, 4);
  if (!BOXES.has(type)) return undefined;
  const size = new DataView(bytes.buffer, bytes.byteOffset + start).getUint32(0);
  if (size > 1 && size < 8) return undefined;
  if (type === 'ftyp' && IMAGE_BRANDS.has(latin1(bytes, start + 8, 4)))
    return { format: undefined, name: 'HEIF or AVIF, an image format', start };
  return { format: 'mp4', name: 'MP4 or QuickTime', start };
}

/** Returns the position after tags and zeros. */
function afterPadding(bytes: Uint8Array): number {
  let at = skipId3(bytes, 0);
  if (at >= bytes.length) at = 0; // the size of the tag is wrong
  while (bytes[at] === 0) at++;
  return at >= bytes.length ? 0 : skipId3(bytes, at) >= bytes.length ? at : skipId3(bytes, at);
}

/** Finds a container after other data. */
function findContainer(bytes: Uint8Array): Identified | undefined {
  const start = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, SEARCH_BYTES));
  for (const text of ['OggS\0\x02', 'fLaC\0\0\0\x22']) {
    const at = start.indexOf(text, 0, 'latin1');
    if (at >= 0) return signature(bytes, at);
  }
  return undefined;
}

/** Returns whether two frames of LOAS begin here. Source: ISO/IEC 14496-3, 1.7.2. */
function isLoas(bytes: Uint8Array, at: number): boolean {
  const size = (index: number) =>
    bytes[index] === 0x56 && (bytes[index + 1]! & 0xe0) === 0xe0
      ? 3 + (bytes[index + 1]! & 0x1f) * 256 + bytes[index + 2]!
      : 0;
  const second = size(at) > 0 ? at + size(at) : -1;
  return second > 0 && size(second) > 0;
}

function isTransportStream(bytes: Uint8Array): boolean {
  const sync = (offset: number) => [0, 1, 2].every((packet) => bytes[offset + packet * TS_PACKET] === 0x47);
  return bytes.length >= 3 * TS_PACKET && sync(0);
}

function matches(bytes: Uint8Array, at: number, text: string): boolean {
  if (at + text.length > bytes.length) return false;
  for (let i = 0; i < text.length; i++) {
    if (text[i] !== '?' && bytes[at + i] !== text.charCodeAt(i)) return false;
  }
  return true;
}

function latin1(bytes: Uint8Array, at: number, size: number): string {
  return at + size > bytes.length ? '' : String.fromCharCode(...bytes.subarray(at, at + size));
}
