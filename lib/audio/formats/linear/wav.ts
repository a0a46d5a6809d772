import type { LinearAudio } from './linear-audio.js';
import { aLaw, muLaw } from './g711.js';

const FORMAT_PCM = 1;
const FORMAT_FLOAT = 3;
const FORMAT_ALAW = 6;
const FORMAT_MULAW = 7;
const FORMAT_EXTENSIBLE = 0xfffe;

interface WavFormat {
  tag: number;
  channels: number;
  sampleRate: number;
  bits: number;
}

/**
 * Reads a RIFF/WAVE file: 8, 16, 24, 32-bit integers, 32 and 64-bit floats, A-law and mu-law, extensible or not. A data
 * chunk that promises more than the file holds, as streaming encoders write, is read to the file's end.
 * @returns undefined when the bytes are no RIFF/WAVE, or hold a codec that is not among these
 */
export function readWav(bytes: Uint8Array): LinearAudio | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const name = (at: number) => String.fromCharCode(...bytes.subarray(at, at + 4));
  if (bytes.length < 12 || name(0) !== 'RIFF' || name(8) !== 'WAVE') return undefined;
  let format: WavFormat | undefined;
  for (let at = 12; at + 8 <= bytes.length;) {
    const size = view.getUint32(at + 4, true);
    const body = at + 8;
    if (name(at) === 'fmt ' && body + 16 <= bytes.length) format = readFormat(view, body, size);
    if (name(at) === 'data' && format !== undefined) {
      return readData(new DataView(view.buffer, view.byteOffset + body, Math.min(size, bytes.length - body)), format);
    }
    at = body + size + (size % 2); // chunks are padded to even sizes
  }
  throw new Error(format === undefined ? 'the WAV header is cut off' : 'the WAV file has no data chunk');
}

function readFormat(view: DataView, at: number, size: number): WavFormat {
  const tag = view.getUint16(at, true);
  const extended = tag === FORMAT_EXTENSIBLE && size >= 26 && at + 26 <= view.byteLength;
  return {
    tag: extended ? view.getUint16(at + 24, true) : tag, // the sub-format's first bytes are the plain tag
    channels: view.getUint16(at + 2, true),
    sampleRate: view.getUint32(at + 4, true),
    bits: view.getUint16(at + 14, true),
  };
}

function readData(data: DataView, { tag, channels, sampleRate, bits }: WavFormat): LinearAudio | undefined {
  const sampleAt = sampleReader(data, tag, bits);
  if (sampleAt === undefined) return undefined;
  if (channels === 0 || sampleRate === 0) throw new Error('the WAV header says 0 channels or 0 Hz');
  const bytes = bits / 8;
  const read = (start: number, end: number): Float32Array[] => {
    const stretch = Array.from({ length: channels }, () => new Float32Array(end - start));
    for (let i = 0, at = start * bytes * channels; i < end - start; i++) {
      for (const channel of stretch) {
        channel[i] = sampleAt(at);
        at += bytes;
      }
    }
    return stretch;
  };
  return { sampleRate, frames: Math.floor(data.byteLength / (bytes * channels)), read };
}

/** Integers scale so that the most negative one is -1, as in libsndfile and torchaudio. */
function sampleReader(data: DataView, tag: number, bits: number): ((at: number) => number) | undefined {
  switch (`${tag}/${bits}`) {
    case `${FORMAT_PCM}/8`:
      return (at) => (data.getUint8(at) - 128) / 128;
    case `${FORMAT_PCM}/16`:
      return (at) => data.getInt16(at, true) / 32768;
    case `${FORMAT_PCM}/24`:
      return (at) => (data.getInt8(at + 2) * 65536 + data.getUint16(at, true)) / 8388608;
    case `${FORMAT_PCM}/32`:
      return (at) => data.getInt32(at, true) / 2147483648;
    case `${FORMAT_FLOAT}/32`:
      return (at) => data.getFloat32(at, true);
    case `${FORMAT_FLOAT}/64`:
      return (at) => data.getFloat64(at, true);
    case `${FORMAT_ALAW}/8`:
      return (at) => aLaw(data.getUint8(at)) / 32768;
    case `${FORMAT_MULAW}/8`:
      return (at) => muLaw(data.getUint8(at)) / 32768;
    default:
      return undefined;
  }
}
