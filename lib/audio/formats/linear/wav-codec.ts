import { unsupportedCodec } from '../../decode-errors.js';
import { imaWav, imaWavFrames, msAdpcm, msFrames } from './adpcm.js';
import { inBlocks } from './block-codec.js';
import { readIntegers } from './integers.js';
import type { EmbeddedStream, LinearAudio } from './linear-audio.js';
import { floats, interleaved, type SampleEncoding } from './samples.js';

const EXTENSIBLE = 0xfffe;
/** The last eight bytes of sub-format GUIDs that begin with a format tag: the usual GUIDs, and those of ambisonics. */
const TAGGED_TAILS = ['800000aa00389b71', '8644c8c1ca000000'];

/** Names of codecs that are not supported, by format tag. */
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
  /** In Hz. */
  sampleRate: number;
  /** Size in bytes of a frame, or of a block for codecs with blocks. */
  blockBytes: number;
  /** Bits of a sample's container. */
  bits: number;
  /** Number of significant bits. */
  validBits: number;
}

/**
 * Reads a `fmt ` chunk.
 * @throws Error if it is truncated
 */
export function readWavFormat(bytes: Uint8Array, littleEndian: boolean): WavFormat {
  if (bytes.length < 14) throw new Error('the WAV header is truncated');
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
  format.tag = wide < 65_536 ? wide : view.getUint16(24, littleEndian); // sox swaps the first two bytes only
  return format;
}

/**
 * Opens the samples of a WAV file, in any of its containers.
 * @param data the content of all data chunks
 * @param declared number of samples of each channel according to the fact chunk, if there is one
 * @throws UnsupportedFormatError for other codecs; Error if the header is out of bounds
 */
export function readWavData(
  format: WavFormat,
  data: Uint8Array,
  littleEndian: boolean,
  declared?: number,
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
      const padding = audio.frames - (declared ?? 0);
      return padding > 0 && padding < framesIn(blockBytes) ? { ...audio, frames: declared! } : audio;
    }
    case 0x50:
    case 0x55:
      return { codec: 'mp3', bytes: data };
  }
  const name = NAMES[tag] ?? `0x${tag.toString(16)}`;
  throw unsupportedCodec('WAV', name, bits);
}
