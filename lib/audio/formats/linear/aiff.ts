import { Unsupported } from '../../decode-errors.js';
import { imaQuickTime, imaQuickTimeBytes, imaQuickTimeFrames } from './adpcm.js';
import { inBlocks } from './block-codec.js';
import { type Chunk, chunksOf, nameAt, samplesIn } from './chunks.js';
import type { LinearAudio } from './linear-audio.js';
import { readIntegers } from './integers.js';
import { interleaved, type SampleEncoding } from './samples.js';

interface Common {
  channels: number;
  /** Hz. */
  sampleRate: number;
  bits: number;
  /** Four letters: how samples are stored. */
  compression: string;
}

/** Of AIFC files, what is not an integer of the stated size, big-endian. */
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
 * Reads AIFF and AIFC: integers, floats, G.711 and Apple's ima4, with the format before or behind the samples.
 * @returns undefined when the bytes are no such file
 * @throws Unsupported for other codecs; Error where the file is broken
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
  throw new Error(common === undefined ? 'the AIFF header is cut off' : 'the AIFF file has no sound data');
}

function readCommon(bytes: Uint8Array, compressed: boolean): Common {
  if (bytes.length < 18) throw new Error('the AIFF header is cut off');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return {
    channels: view.getUint16(0),
    bits: view.getUint16(6),
    sampleRate: extendedInteger(view, 8),
    compression: compressed && bytes.length >= 22 ? nameAt(bytes, 18) : 'NONE',
  };
}

/** An 80-bit float, rounded as ffmpeg rounds it; NaN where it is none that a rate can be. */
function extendedInteger(view: DataView, at: number): number {
  const exponent = view.getUint16(at) - 16383; // with the sign: negative rates are out of bounds anyway
  const mantissa = view.getUint32(at + 2) + view.getUint32(at + 6) / 2 ** 32;
  return exponent < 0 || exponent > 62 ? NaN : Math.floor(mantissa * 2 ** (exponent - 31) + 0.5);
}

/** The first samples may lie further back, aligned to a block. */
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
  throw new Unsupported(`AIFF with codec ${JSON.stringify(compression)}, ${bits} bits a sample`);
}

/** @param frames of each channel, where that is known to be less than the packets hold */
export function quickTime(
  samples: Uint8Array,
  { channels, sampleRate, frames }: { channels: number; sampleRate: number; frames?: number | undefined },
): LinearAudio {
  const framesIn = (bytes: number): number => imaQuickTimeFrames(bytes, channels);
  const layout = { channels, sampleRate, frames, blockBytes: imaQuickTimeBytes(channels), framesIn };
  return inBlocks(samples, layout, imaQuickTime);
}
