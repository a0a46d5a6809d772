import { Unsupported } from '../../decode-errors.js';
import { imaWav, imaWavFrames, msAdpcm, msFrames } from './adpcm.js';
import { inBlocks } from './block-codec.js';
import type { EmbeddedStream, LinearAudio } from './linear-audio.js';
import { readIntegers } from './integers.js';
import { floats, interleaved, type SampleEncoding } from './samples.js';

const EXTENSIBLE = 0xfffe;
/** The last eight bytes of sub-formats that begin with a plain tag: the usual ones, and those of ambisonics. */
const TAGGED_TAILS = ['800000aa00389b71', '8644c8c1ca000000'];

/** What codecs of WAV files are called that we name but do not read. */
const NAMES: Readonly<Record<number, string>> = {
  0x31: 'GSM 6.10',
  0x40: 'G.721',
  0x42: 'G.723',
  0x45: 'G.726',
  0x64: 'G.726',
  0x65: 'G.722',
  0x83: 'G.729',
  0xff: 'AAC',
  0x160: 'WMA',
  0x161: 'WMA',
  0x1600: 'AAC',
  0x2000: 'AC-3',
};

export interface WavFormat {
  tag: number;
  channels: number;
  /** Hz. */
  sampleRate: number;
  /** Bytes of a frame, or of a block of codecs that have blocks. */
  blockBytes: number;
  /** Of a sample's container. */
  bits: number;
  /** Of those that count. */
  validBits: number;
}

/** @throws Error where it is cut off */
export function readWavFormat(bytes: Uint8Array, littleEndian: boolean): WavFormat {
  if (bytes.length < 14) throw new Error('the WAV header is cut off');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const tag = view.getUint16(0, littleEndian);
  const bits = bytes.length < 16 ? 8 : view.getUint16(14, littleEndian);
  const format = {
    tag,
    channels: view.getUint16(2, littleEndian),
    sampleRate: view.getUint32(4, littleEndian),
    blockBytes: view.getUint16(12, littleEndian),
    bits,
    validBits: bits,
  };
  if (tag !== EXTENSIBLE || bytes.length < 40) return format;
  const valid = view.getUint16(18, littleEndian);
  if (valid > 0 && valid < bits) format.validBits = valid;
  const tail = Buffer.from(bytes.subarray(32, 40)).toString('hex');
  if (!TAGGED_TAILS.includes(tail)) return format;
  const wide = view.getUint32(24, littleEndian);
  format.tag = wide < 65_536 ? wide : view.getUint16(24, littleEndian); // sox turns round the first two bytes alone
  return format;
}

/**
 * The samples of a WAV file, whichever its container.
 * @param data of all data chunks
 * @param promised samples of each channel that a fact chunk says, where there is one
 * @throws Unsupported for codecs that are not among these; Error where the header is out of bounds
 */
export function readWavData(
  format: WavFormat,
  data: Uint8Array,
  littleEndian: boolean,
  promised?: number,
): LinearAudio | EmbeddedStream {
  const { tag, channels, sampleRate, blockBytes, bits, validBits } = format;
  const shape = { channels, sampleRate };
  const plain = (encoding: SampleEncoding): LinearAudio => interleaved(data, { ...shape, encoding });
  switch (tag) {
    case 0x01: {
      if (bits >= 1 && bits <= 8) return plain('u8');
      const stated = channels > 0 && blockBytes % channels === 0 ? blockBytes / channels : 0;
      const container = Math.max(stated, Math.ceil(bits / 8));
      const layout = { ...shape, bits: validBits, container, littleEndian };
      const audio = bits > 8 ? readIntegers(data, layout) : undefined;
      if (audio !== undefined) return audio;
      break;
    }
    case 0x03: {
      const encoding = floats(bits, littleEndian);
      if (encoding !== undefined) return plain(encoding);
      break;
    }
    case 0x06:
      return plain('alaw');
    case 0x07:
      return plain('mulaw');
    case 0x02:
    case 0x11: {
      if (bits !== 4 || channels > 2 || !littleEndian) break;
      const [decoder, framesOf] = tag === 2 ? [msAdpcm, msFrames] : [imaWav, imaWavFrames];
      const framesIn = (bytes: number): number => framesOf(bytes, channels);
      const layout = { ...shape, blockBytes, framesIn };
      const audio = inBlocks(data, layout, decoder);
      const filling = audio.frames - (promised ?? 0);
      return filling > 0 && filling < framesIn(blockBytes) ? { ...audio, frames: promised! } : audio;
    }
    case 0x50:
    case 0x55:
      return { codec: 'mp3', bytes: data };
  }
  const name = NAMES[tag] ?? `0x${tag.toString(16)}`;
  throw new Unsupported(`WAV with codec ${name}, ${bits} bits a sample`);
}
