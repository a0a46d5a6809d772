import { firstAdtsFrame } from './encoded/containers/adts.js';
import { withoutIcy } from './icy.js';
import { firstFrame } from './encoded/codecs/mp3-frames.js';
import { skipId3 } from './id3.js';

/** Formats of compressed audio that are decoded here. */
export type EncodedFormat = 'adts' | 'amr' | 'flac' | 'matroska' | 'mp4' | 'mpeg' | 'ogg' | 'wavpack';

export interface Identified {
  /** Undefined where nothing here decodes it. */
  format: EncodedFormat | undefined;
  /** What people call it, with its article; undefined where it is nothing that is known. */
  name: string | undefined;
  /** Where it begins: behind tags, zeros and what does not belong to it. */
  start: number;
}

/** Bytes in which a file begins that has something else in front. */
const JUNK = 1 << 20;

interface Signature {
  /** Latin-1, `?` is any byte. */
  text: string;
  at?: number;
  format?: EncodedFormat;
  name: string;
}

const SIGNATURES: readonly Signature[] = [
  { text: 'OggS\0', format: 'ogg', name: 'an Ogg file' },
  { text: 'fLaC', format: 'flac', name: 'a FLAC file' },
  { text: '\x1a\x45\xdf\xa3', format: 'matroska', name: 'a Matroska or WebM file' },
  { text: '#!AMR', format: 'amr', name: 'an AMR file' },
  { text: 'wvpk', format: 'wavpack', name: 'a WavPack file' },
  { text: '\x30\x26\xb2\x75\x8e\x66\xcf\x11', name: 'a Windows Media file' },
  { text: 'TTA1', name: 'a True Audio file' },
  { text: 'MAC ', name: "a Monkey's Audio file" },
  { text: 'MPCK', name: 'a Musepack file' },
  { text: 'MP+', name: 'a Musepack file' },
  { text: 'DSD ', name: 'a DSD file' },
  { text: 'FRM8????????DSD ', name: 'a DSD file' },
  { text: '\x0b\x77', name: 'an AC-3 or E-AC-3 file' },
  { text: '\x77\x0b', name: 'an AC-3 or E-AC-3 file' },
  { text: '\x7f\xfe\x80\x01', name: 'a DTS file' },
  { text: '\xfe\x7f\x01\x80', name: 'a DTS file' },
  { text: '\x1f\xff\xe8\x00', name: 'a DTS file' },
  { text: '\xff\x1f\x00\xe8', name: 'a DTS file' },
  { text: 'qoaf', name: 'a QOA file' },
  { text: 'MThd', name: 'a MIDI file, which holds notes and no sound' },
  { text: 'RIFF????RMID', name: 'a MIDI file, which holds notes and no sound' },
  { text: 'RIFF????AVI ', name: 'an AVI file' },
  { text: 'RIFF????WAVE', name: 'a WAV file of an unknown codec' },
  { text: 'RF64????WAVE', name: 'a WAV file of an unknown codec' },
  { text: 'BW64????WAVE', name: 'a WAV file of an unknown codec' },
  { text: 'riff\x2e\x91\xcf\x11', name: 'a Wave64 file of an unknown codec' },
  { text: 'FORM????AIFF', name: 'an AIFF file of an unknown codec' },
  { text: 'FORM????AIFC', name: 'an AIFF file of an unknown codec' },
  { text: 'caff\0', name: 'a CAF file of an unknown codec' },
  { text: '.snd', name: 'an AU file of an unknown codec' },
  { text: 'FLV\x01', name: 'a Flash video' },
  { text: '.RMF', name: 'a RealMedia file' },
  { text: '.ra\xfd', name: 'a RealAudio file' },
  { text: '\0\0\x01\xba', name: 'an MPEG programme stream' },
  { text: 'IMPM', name: 'a tracker module' },
  { text: 'Extended Module: ', name: 'a tracker module' },
  { text: 'SCRM', at: 44, name: 'a tracker module' },
  { text: 'M.K.', at: 1080, name: 'a tracker module' },
];

/** First boxes of an MP4 or a QuickTime file; older ones have no `ftyp`. */
const BOXES = new Set(['ftyp', 'moov', 'mdat', 'free', 'skip', 'wide', 'pnot', 'styp', 'sidx', 'moof']);
const PICTURES = new Set(['heic', 'heix', 'hevc', 'heim', 'heis', 'mif1', 'msf1', 'avif', 'avis', 'crx ']);
const TS_PACKET = 188;

/** What a file is, from how it is built: the first bytes of a container, several frames in a row of what has none. */
export function identify(file: Uint8Array): Identified {
  const first = signature(file, 0);
  if (first !== undefined) return first;
  if (isTransportStream(file)) return { format: undefined, name: 'an MPEG transport stream', start: 0 };
  const bytes = withoutIcy(file);
  const icy = bytes === file ? 0 : -1; // a copy, or where its header ended: its reader does the same once more
  const start = afterPadding(bytes);
  const known = start > 0 || icy < 0 ? signature(bytes, start) : undefined;
  if (known?.format !== undefined) return known;
  const adts = firstAdtsFrame(bytes, start);
  const mpeg = firstFrame(bytes, start, true);
  if (mpeg >= 0 && (adts < 0 || mpeg <= adts))
    return { format: 'mpeg', name: 'an MPEG audio file', start: icy < 0 ? 0 : mpeg };
  if (adts >= 0) return { format: 'adts', name: 'an AAC file', start: adts };
  if (isLoas(bytes, start)) return { format: undefined, name: 'AAC in LATM', start };
  return known ?? hidden(bytes) ?? { format: undefined, name: undefined, start: 0 };
}

function signature(bytes: Uint8Array, start: number): Identified | undefined {
  const found = SIGNATURES.find(({ text, at = 0 }) => matches(bytes, start + at, text));
  if (found !== undefined) return { format: found.format, name: found.name, start };
  const type = latin1(bytes, start + 4, 4);
  if (!BOXES.has(type)) return undefined;
  const size = new DataView(bytes.buffer, bytes.byteOffset + start).getUint32(0);
  if (size > 1 && size < 8) return undefined;
  if (type === 'ftyp' && PICTURES.has(latin1(bytes, start + 8, 4)))
    return { format: undefined, name: 'a picture', start };
  return { format: 'mp4', name: 'an MP4 or QuickTime file', start };
}

/** Behind tags and zeros. */
function afterPadding(bytes: Uint8Array): number {
  let at = skipId3(bytes, 0);
  if (at >= bytes.length) at = 0; // its size is not true
  while (bytes[at] === 0) at++;
  return at >= bytes.length ? 0 : skipId3(bytes, at) >= bytes.length ? at : skipId3(bytes, at);
}

/** A container behind what does not belong to it. */
function hidden(bytes: Uint8Array): Identified | undefined {
  const start = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, JUNK));
  for (const text of ['OggS\0\x02', 'fLaC\0\0\0\x22']) {
    const at = start.indexOf(text, 0, 'latin1');
    if (at >= 0) return signature(bytes, at);
  }
  return undefined;
}

/** Source: ISO/IEC 14496-3, 1.7.2. */
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
