import { UnsupportedFormatError } from '../../decode-errors.js';
import type { LinearAudio } from './linear-audio.js';
import { interleaved, type SampleEncoding } from './samples.js';

const HEADER = 1024;
const ENCODINGS: Readonly<Record<number, readonly [little: SampleEncoding, big: SampleEncoding]>> = {
  0x1: ['s8', 's8'],
  0x2: ['s16le', 's16be'],
  0x3: ['s24le', 's24be'],
  0x4: ['f32le', 'f32be'],
  0x8: ['f64le', 'f64be'],
  0x10001: ['alaw', 'alaw'],
  0x20001: ['mulaw', 'mulaw'],
  0x40004: ['s32le', 's32be'],
};

/**
 * Reads sound files of Berkeley, IRCAM and CARL (.sf).
 * @returns undefined if the bytes are not such a file
 * @throws UnsupportedFormatError for other codecs; Error if the file is damaged
 */
export function readIrcam(bytes: Uint8Array): LinearAudio | undefined {
  // The third byte identifies the machine that wrote the file, but not all programs set it correctly. The byte order follows from the
  // number of channels.
  const [a, b, c, d] = bytes;
  const plain = a === 0x64 && b === 0xa3 && c! >= 1 && c! <= 4 && d === 0;
  const swapped = a === 0 && b! >= 1 && b! <= 4 && c === 0xa3 && d === 0x64;
  if (!plain && !swapped) return undefined;
  if (bytes.length < HEADER) throw new Error('the IRCAM header is truncated');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const littleEndian = view.getUint16(10, true) === 0; // below 65,536
  const code = view.getUint32(12, littleEndian);
  const encoding = ENCODINGS[code]?.[littleEndian ? 0 : 1];
  if (encoding === undefined) throw new UnsupportedFormatError(`IRCAM with encoding 0x${code.toString(16)}`);
  const sampleRate = Math.round(view.getFloat32(4, littleEndian));
  return interleaved(bytes.subarray(HEADER), { encoding, sampleRate, channels: view.getUint32(8, littleEndian) });
}
