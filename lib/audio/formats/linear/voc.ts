import { UnsupportedFormatError } from '../../decode-errors.js';
import { Parts } from './chunks.js';
import type { LinearAudio } from './linear-audio.js';
import { interleaved, type SampleEncoding } from './samples.js';

const MAGIC = 'Creative Voice File\x1a';
const ENCODINGS: Readonly<Record<number, SampleEncoding>> = { 0: 'u8', 4: 's16le', 6: 'alaw', 7: 'mulaw' };

interface Sound {
  sampleRate: number;
  channels: number;
  codec: number;
}

/**
 * Reads Creative's VOC: integers of 8 and 16 bits, and G.711. Repetitions and silence blocks are ignored.
 * @returns undefined if the bytes are not a VOC file
 * @throws UnsupportedFormatError for other codecs, and if the codec changes; Error if the file is damaged
 */
export function readVoc(bytes: Uint8Array): LinearAudio | undefined {
  if (Buffer.from(bytes.subarray(0, MAGIC.length)).toString('latin1') !== MAGIC) return undefined;
  if (bytes.length < 26) throw new Error('the VOC header is truncated');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const parts = new Parts();
  let sound: Sound | undefined;
  let extended: Omit<Sound, 'codec'> | undefined;
  for (let at = view.getUint16(20, true); at + 4 <= bytes.length && bytes[at] !== 0;) {
    const type = bytes[at];
    const size = view.getUint16(at + 1, true) + 65536 * view.getUint8(at + 3);
    const body = at + 4;
    const end = Math.min(bytes.length, body + size);
    if (type === 1 && end - body >= 2) {
      const plain = { sampleRate: Math.floor(1e6 / (256 - bytes[body]!)), channels: 1 };
      sound = unchanged(sound, { ...(extended ?? plain), codec: bytes[body + 1]! });
      extended = undefined;
      parts.push(bytes.subarray(body + 2, end));
    } else if (type === 2) {
      parts.push(bytes.subarray(body, end));
    } else if (type === 8 && end - body >= 4) {
      const channels = bytes[body + 3]! + 1;
      extended = { channels, sampleRate: Math.floor(256e6 / (channels * (65536 - view.getUint16(body, true)))) };
    } else if (type === 9 && end - body >= 12) {
      const codec = view.getUint16(body + 6, true);
      sound = unchanged(sound, { sampleRate: view.getUint32(body, true), channels: bytes[body + 5]!, codec });
      parts.push(bytes.subarray(body + 12, end));
    }
    at = Math.max(end, at + 4);
  }
  if (sound === undefined) throw new Error('the VOC file has no audio data');
  const encoding = ENCODINGS[sound.codec];
  if (encoding === undefined) throw new UnsupportedFormatError(`VOC with codec ${sound.codec}`);
  return interleaved(parts.bytes, { ...sound, encoding });
}

function unchanged(before: Sound | undefined, now: Sound): Sound {
  const equal =
    before === undefined || Object.entries(before).every(([key, value]) => now[key as keyof Sound] === value);
  if (equal) return now;
  throw new UnsupportedFormatError('VOC with a change of sample rate or codec');
}
