import { chunk } from '../support/audio-bytes.js';

/** The properties of a WAV file, including false values of header fields. */
export interface WavFields {
  rate: number;
  channels: number;
  /** Bit depth. Samples occupy the upper bits of their bytes. */
  bits: number;
  /** Number of bytes per sample. Default: as many as the bits require. */
  bytes?: number;
  float?: boolean;
  /** Whether the format is WAVE_FORMAT_EXTENSIBLE. */
  extensible?: boolean;
  /** Bits per sample in `fmt `. Default: `bits`, or those of the bytes if the format is extensible. */
  container?: number;
  /** Whether the file is big-endian (`RIFX`). */
  big?: boolean;
  /** First four characters of a file whose sizes are in a ds64 chunk. */
  form?: 'RF64' | 'BW64';
  /** Size of the data chunk according to the header. */
  dataSize?: number;
  /** Size of the file according to the header. */
  riffSize?: number;
  /** Chunks before `fmt `, between it and the samples, and after the samples. */
  before?: readonly Buffer[];
  between?: readonly Buffer[];
  after?: readonly Buffer[];
  /** Whether an odd number of sample bytes is padded. Default true. */
  padded?: boolean;
  /** Size of `fmt `: 16, 18 or 40. */
  formatSize?: number;
}

/**
 * Returns the bytes of a WAV file.
 * @param samples interleaved, -1..1
 */
export function makeWav(samples: Float32Array, fields: WavFields): Buffer {
  const { rate, channels, bits, float = false, big = false, form } = fields;
  const bytes = fields.bytes ?? Math.ceil(bits / 8);
  const data = packed(samples, bits, bytes, float, big);
  const extensible = fields.extensible ?? channels > 2;
  const size = fields.formatSize ?? (extensible ? 40 : 16);
  const fmt = Buffer.alloc(size);
  const u16 = (value: number, at: number) => (big ? fmt.writeUInt16BE(value, at) : fmt.writeUInt16LE(value, at));
  const u32 = (value: number, at: number) => (big ? fmt.writeUInt32BE(value, at) : fmt.writeUInt32LE(value, at));
  u16(extensible ? 0xfffe : float ? 3 : 1, 0);
  u16(channels, 2);
  u32(rate, 4);
  u32(rate * channels * bytes, 8);
  u16(channels * bytes, 12);
  u16(fields.container ?? (extensible ? 8 * bytes : bits), 14);
  if (extensible) {
    u16(22, 16);
    u16(bits, 18);
    u32((1 << channels) - 1, 20);
    Buffer.from('0000000000001000800000aa00389b71', 'hex').copy(fmt, 24);
    u16(float ? 3 : 1, 24);
  }
  const head = Buffer.alloc(8);
  head.write('data', 'latin1');
  const declared = fields.dataSize ?? (form === undefined ? data.length : 0xffffffff);
  if (big) head.writeUInt32BE(declared, 4);
  else head.writeUInt32LE(declared, 4);
  const pad = Buffer.alloc((fields.padded ?? true) ? data.length & 1 : 0);
  const chunks = [
    ...(fields.before ?? []),
    chunk('fmt ', fmt, { big }),
    ...(fields.between ?? []),
    head,
    data,
    pad,
    ...(fields.after ?? []),
  ];
  const body = Buffer.concat(chunks);
  const riff = Buffer.alloc(12);
  riff.write(form ?? (big ? 'RIFX' : 'RIFF'), 'latin1');
  riff.write('WAVE', 8, 'latin1');
  const total = fields.riffSize ?? (form === undefined ? body.length + 4 : 0xffffffff);
  if (big) riff.writeUInt32BE(total, 4);
  else riff.writeUInt32LE(total, 4);
  return Buffer.concat([riff, ...(form === undefined ? [] : [ds64(body.length + 40, data.length)]), body]);
}

function ds64(riff: number, data: number): Buffer {
  const body = Buffer.alloc(28);
  body.writeBigUInt64LE(BigInt(riff), 0);
  body.writeBigUInt64LE(BigInt(data), 8);
  body.writeBigUInt64LE(0n, 16);
  return chunk('ds64', body);
}

function packed(samples: Float32Array, bits: number, bytes: number, float: boolean, big: boolean): Buffer {
  const data = Buffer.alloc(samples.length * bytes);
  const top = 2 ** (bits - 1);
  samples.forEach((sample, i) => {
    const at = i * bytes;
    if (float) {
      if (bytes === 8) data[big ? 'writeDoubleBE' : 'writeDoubleLE'](sample, at);
      else data[big ? 'writeFloatBE' : 'writeFloatLE'](sample, at);
      return;
    }
    const value = Math.max(-top, Math.min(top - 1, Math.round(sample * top))) * 2 ** (8 * bytes - bits);
    if (bytes === 1) data.writeUInt8(value + 128, at);
    else data[big ? 'writeIntBE' : 'writeIntLE'](value, at, bytes);
  });
  return data;
}
