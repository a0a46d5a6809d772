import { unsupportedCodec } from '../../decode-errors.js';
import { imaQuickTime, imaQuickTimeBytes, imaQuickTimeFrames } from './adpcm.js';
import { inBlocks } from './block-codec.js';
import { type Chunk, chunksOf, nameAt, samplesIn } from './chunks.js';
import { readIntegers } from './integers.js';
import type { LinearAudio } from './linear-audio.js';
import { interleaved, type SampleEncoding } from './samples.js';

interface Common {
  channels: number;
  /** In Hz. */
  sampleRate: number;
  bits: number;
  /** Four-character code of the sample format. */
  compression: string;
}

/** Compression types of AIFC other than big-endian integers of the stated bit depth. */
const ENCODINGS: Readonly<Record<string, SampleEncoding>> = {
  in24: 's24be',
  in32: 's32be',
  '42ni': 's24le',
  '42n1': 's24le',
  '23ni': 's32le',
  '23n1': 's32le',
  fl32: 'f32be',
  FL32: 'f32be',
  fl64: 'f64be',
  FL64: 'f64be',
  ulaw: 'mulaw',
  ULAW: 'mulaw',
  alaw: 'alaw',
  ALAW: 'alaw',
};

/**
 * Reads AIFF and AIFC: integers, floats, G.711 and Apple's ima4. The format may precede or follow the samples.
 * @returns undefined if the bytes are not an AIFF file
 * @throws UnsupportedFormatError for other codecs; Error if the file is damaged
 */
export function readAiff(bytes: Uint8Array): LinearAudio | undefined {
  const kind = nameAt(bytes, 8);
  if (nameAt(bytes, 0) !== 'FORM' || (kind !== 'AIFF' && kind !== 'AIFC')) return undefined;
  let common: Common | undefined;
  let samples: Uint8Array | undefined;
  for (const chunk of chunksOf(bytes, 12, false)) {
    if (chunk.id === 'COMM')
      common ??= readCommon(bytes.subarray(chunk.body, chunk.body + chunk.size), kind === 'AIFC');
    if (chunk.id === 'SSND') samples ??= soundData(bytes, chunk);
    if (common !== undefined && samples !== undefined) return readSound(samples, common);
  }
  throw new Error(common === undefined ? 'the AIFF header is truncated' : 'the AIFF file has no sound data');
}

function readCommon(bytes: Uint8Array, compressed: boolean): Common {
  if (bytes.length < 18) throw new Error('the AIFF header is truncated');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return {
    channels: view.getUint16(0),
    bits: view.getUint16(6),
    sampleRate: extendedInteger(view, 8),
    compression: compressed && bytes.length >= 22 ? nameAt(bytes, 18) : 'NONE',
  };
}

/** Reads an 80-bit float, rounded as in ffmpeg; NaN if it cannot be a sample rate. */
function extendedInteger(view: DataView, at: number): number {
  const exponent = view.getUint16(at) - 16383; // includes the sign: negative rates are out of bounds anyway
  const mantissa = view.getUint32(at + 2) + view.getUint32(at + 6) / 2 ** 32;
  return exponent < 0 || exponent > 62 ? NaN : Math.floor(mantissa * 2 ** (exponent - 31) + 0.5);
}

/** Returns the samples of an SSND chunk. They may begin at an offset for alignment. */
function soundData(bytes: Uint8Array, { id, body, size }: Chunk): Uint8Array {
  if (body + 8 > bytes.length) return bytes.subarray(bytes.length);
  const offset = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getUint32(body);
  const head = 8 + Math.min(offset, bytes.length);
  return samplesIn(bytes, { id, body: body + head, size: Math.max(0, size - head) }, false);
}

function readSound(samples: Uint8Array, common: Common): LinearAudio {
  const { channels, sampleRate, bits, compression } = common;
  const known = ENCODINGS[compression] ?? (compression === 'raw ' && bits === 8 ? 'u8' : undefined);
  if (known !== undefined) return interleaved(samples, { channels, sampleRate, encoding: known });
  if (['NONE', 'none', 'twos', 'sowt'].includes(compression) && bits > 0) {
    const layout = { channels, sampleRate, bits, container: Math.ceil(bits / 8), littleEndian: compression === 'sowt' };
    const audio = readIntegers(samples, layout);
    if (audio !== undefined) return audio;
  }
  if (compression === 'ima4') return quickTime(samples, { channels, sampleRate });
  throw unsupportedCodec('AIFF', JSON.stringify(compression), bits);
}

/** @param frames number of frames, if it is known to be less than the packets contain */
export function quickTime(
  samples: Uint8Array,
  { channels, sampleRate, frames }: { channels: number; sampleRate: number; frames?: number | undefined },
): LinearAudio {
  const framesIn = (bytes: number): number => imaQuickTimeFrames(bytes, channels);
  const layout = { channels, sampleRate, frames, blockBytes: imaQuickTimeBytes(channels), framesIn };
  return inBlocks(samples, layout, imaQuickTime);
}
