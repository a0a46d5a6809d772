import { aLaw, muLaw } from '../../linear/g711.js';
import type { Codec } from './codec.js';

export interface PcmLayout {
  kind: 'signed' | 'unsigned' | 'float' | 'alaw' | 'mulaw';
  bits: number;
  littleEndian: boolean;
  channels: number;
  /** In Hz. */
  sampleRate: number;
}

/**
 * Returns a codec for uncompressed samples in a container of compressed audio.
 * @returns undefined for an unknown layout
 */
export function pcmCodec({ kind, bits, littleEndian, channels, sampleRate }: PcmLayout): Codec | undefined {
  const read = reader(kind, bits, littleEndian);
  if (read === undefined || channels < 1 || !(sampleRate >= 1)) return undefined;
  const width = bits / 8;
  return {
    sampleRate,
    decode: (packet) => {
      const view = new DataView(packet.buffer, packet.byteOffset, packet.byteLength);
      const frames = Math.floor(packet.length / (width * channels));
      const decoded = Array.from({ length: channels }, () => new Float32Array(frames));
      for (let i = 0, at = 0; i < frames; i++) {
        for (const channel of decoded) {
          channel[i] = read(view, at);
          at += width;
        }
      }
      return decoded;
    },
  };
}

type Reader = (view: DataView, at: number) => number;

function reader(kind: PcmLayout['kind'], bits: number, little: boolean): Reader | undefined {
  const readers: Record<string, Reader> = {
    'unsigned/8': (view, at) => (view.getUint8(at) - 128) / 128,
    'signed/8': (view, at) => view.getInt8(at) / 128,
    'signed/16': (view, at) => view.getInt16(at, little) / 32768,
    'signed/24': (view, at) =>
      little
        ? (view.getInt8(at + 2) * 65536 + view.getUint16(at, true)) / 8388608
        : (view.getInt16(at) * 256 + view.getUint8(at + 2)) / 8388608,
    'signed/32': (view, at) => view.getInt32(at, little) / 2147483648,
    'float/32': (view, at) => view.getFloat32(at, little),
    'float/64': (view, at) => view.getFloat64(at, little),
    'alaw/8': (view, at) => aLaw(view.getUint8(at)) / 32768,
    'mulaw/8': (view, at) => muLaw(view.getUint8(at)) / 32768,
  };
  return readers[`${kind}/${bits}`];
}
