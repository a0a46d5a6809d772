import { checkShape } from '../../audio-limits.js';
import { aLaw, muLaw } from './g711.js';
import type { LinearAudio } from './linear-audio.js';

/** Sample format. Integers are signed unless the name begins with `u`; `le` and `be` are the byte order. */
export type SampleEncoding =
  | 'u8'
  | 's8'
  | 'mulaw'
  | 'alaw'
  | 's16le'
  | 's16be'
  | 's24le'
  | 's24be'
  | 's32le'
  | 's32be'
  | 's64le'
  | 's64be'
  | 'f32le'
  | 'f32be'
  | 'f64le'
  | 'f64be';

export interface SampleLayout {
  encoding: SampleEncoding;
  channels: number;
  /** In Hz. */
  sampleRate: number;
  /** Factor that is applied to the samples. Default 1. */
  gain?: number;
}

/** Fills `out` with samples from byte `at` of the data on, at intervals of `step` bytes. */
type Fill = (out: Float32Array, at: number, step: number) => void;

/** Returns the size of a sample in bytes. */
export function bytesOf(encoding: SampleEncoding): number {
  return encoding.endsWith('law') ? 1 : Number(/\d+/.exec(encoding)![0]) / 8;
}

/** Returns the format of integers of 1, 2, 3, 4 or 8 bytes; undefined for other sizes. */
export function integers(bytes: number, littleEndian: boolean): SampleEncoding | undefined {
  if (bytes === 1) return 's8';
  return [2, 3, 4, 8].includes(bytes) ? (`s${8 * bytes}${littleEndian ? 'le' : 'be'}` as SampleEncoding) : undefined;
}

/** Returns the format of floats of 32 or 64 bits; undefined for other bit depths. */
export function floats(bits: number, littleEndian: boolean): SampleEncoding | undefined {
  return bits === 32 || bits === 64 ? `f${bits}${littleEndian ? 'le' : 'be'}` : undefined;
}

/**
 * Opens interleaved samples. An incomplete frame at the end is ignored.
 * @throws Error if the number of channels or the sample rate is out of bounds
 */
export function interleaved(
  bytes: Uint8Array,
  { encoding, channels, sampleRate, gain = 1 }: SampleLayout,
): LinearAudio {
  checkShape({ channels, sampleRate });
  const fill = fillerOf(new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), encoding);
  const size = bytesOf(encoding);
  const step = size * channels;
  const read = (start: number, end: number): Float32Array[] =>
    Array.from({ length: channels }, (_, channel) => {
      const out = new Float32Array(end - start);
      fill(out, start * step + channel * size, step);
      if (gain !== 1) for (let i = 0; i < out.length; i++) out[i]! *= gain;
      return out;
    });
  return { sampleRate, frames: Math.floor(bytes.length / step), read };
}

/** Returns the conversion of a sample format. Integers are scaled so that the minimum is -1, as in libsndfile and torchaudio. */
function fillerOf(data: DataView, encoding: SampleEncoding): Fill {
  const le = encoding.endsWith('le');
  switch (encoding) {
    case 'u8':
      return (out, at, step) => {
        for (let i = 0; i < out.length; i++, at += step) out[i] = (data.getUint8(at) - 128) / 128;
      };
    case 's8':
      return (out, at, step) => {
        for (let i = 0; i < out.length; i++, at += step) out[i] = data.getInt8(at) / 128;
      };
    case 'mulaw':
    case 'alaw':
      return lookUp(data, encoding === 'mulaw' ? muLaw : aLaw);
    case 's16le':
    case 's16be':
      return (out, at, step) => {
        for (let i = 0; i < out.length; i++, at += step) out[i] = data.getInt16(at, le) / 32768;
      };
    case 's24le':
    case 's24be': {
      const [high, low] = le ? [2, 0] : [0, 1];
      return (out, at, step) => {
        for (let i = 0; i < out.length; i++, at += step) {
          out[i] = (data.getInt8(at + high) * 65536 + data.getUint16(at + low, le)) / 8388608;
        }
      };
    }
    case 's32le':
    case 's32be':
      return (out, at, step) => {
        for (let i = 0; i < out.length; i++, at += step) out[i] = data.getInt32(at, le) / 2147483648;
      };
    case 's64le':
    case 's64be': {
      const high = le ? 4 : 0; // a float32 has 24 bits of precision, so the lower half has no effect
      return (out, at, step) => {
        for (let i = 0; i < out.length; i++, at += step) out[i] = data.getInt32(at + high, le) / 2147483648;
      };
    }
    case 'f32le':
    case 'f32be':
      return (out, at, step) => {
        for (let i = 0; i < out.length; i++, at += step) out[i] = data.getFloat32(at, le);
      };
    case 'f64le':
    case 'f64be':
      return (out, at, step) => {
        for (let i = 0; i < out.length; i++, at += step) out[i] = data.getFloat64(at, le);
      };
  }
}

function lookUp(data: DataView, decode: (byte: number) => number): Fill {
  const table = Float32Array.from({ length: 256 }, (_, byte) => decode(byte) / 32768);
  return (out, at, step) => {
    for (let i = 0; i < out.length; i++, at += step) out[i] = table[data.getUint8(at)]!;
  };
}
