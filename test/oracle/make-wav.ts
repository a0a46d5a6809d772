/** How a WAV file is to be: every field that a header may have wrong, too. */
export interface WavShape {
  rate: number;
  channels: number;
  /** Of a sample; it stands in the upper bits of its bytes. */
  bits: number;
  /** A sample takes; as many as its bits need, where undefined. */
  bytes?: number;
  float?: boolean;
  /** WAVE_FORMAT_EXTENSIBLE. */
  extensible?: boolean;
  /** What `fmt ` says of a sample's bits, where it is not `bits` (extensible: valid bits) or those of its bytes. */
  container?: number;
  /** `RIFX`: everything is big-endian. */
  big?: boolean;
  /** The file's first four characters, and a ds64 chunk with the sizes. */
  form?: 'RF64' | 'BW64';
  /** What the header says of the size of the data chunk. */
  dataSize?: number;
  /** What the header says of the size of the file. */
  riffSize?: number;
  /** Chunks before `fmt `, between, and after the samples. */
  before?: readonly Buffer[];
  between?: readonly Buffer[];
  after?: readonly Buffer[];
  /** Of the samples' last byte, where they are odd. Default true. */
  padded?: boolean;
  /** The size of `fmt `: 16, 18, 40. */
  formatSize?: number;
}

/** A RIFF chunk. */
export function chunk(id: string, body: Buffer | string, big = false): Buffer {
  const content = Buffer.from(body);
  const head = Buffer.alloc(8);
  head.write(id, 'latin1');
  if (big) head.writeUInt32BE(content.length, 4);
  else head.writeUInt32LE(content.length, 4);
  return Buffer.concat([head, content, Buffer.alloc(content.length & 1)]);
}

/** The bytes of a WAV file. @param samples interleaved, -1..1 */
export function wavOf(samples: Float32Array, shape: WavShape): Buffer {
  const { rate, channels, bits, float = false, big = false, form } = shape;
  const bytes = shape.bytes ?? Math.ceil(bits / 8);
  const data = packed(samples, bits, bytes, float, big);
  const extensible = shape.extensible ?? channels > 2;
  const size = shape.formatSize ?? (extensible ? 40 : 16);
  const fmt = Buffer.alloc(size);
  const u16 = (value: number, at: number) => (big ? fmt.writeUInt16BE(value, at) : fmt.writeUInt16LE(value, at));
  const u32 = (value: number, at: number) => (big ? fmt.writeUInt32BE(value, at) : fmt.writeUInt32LE(value, at));
  u16(extensible ? 0xfffe : float ? 3 : 1, 0);
  u16(channels, 2);
  u32(rate, 4);
  u32(rate * channels * bytes, 8);
  u16(channels * bytes, 12);
  u16(shape.container ?? (extensible ? 8 * bytes : bits), 14);
  if (extensible) {
    u16(22, 16);
    u16(bits, 18);
    u32((1 << channels) - 1, 20);
    Buffer.from('0000000000001000800000aa00389b71', 'hex').copy(fmt, 24);
    u16(float ? 3 : 1, 24);
  }
  const head = Buffer.alloc(8);
  head.write('data', 'latin1');
  const claimed = shape.dataSize ?? (form === undefined ? data.length : 0xffffffff);
  if (big) head.writeUInt32BE(claimed, 4);
  else head.writeUInt32LE(claimed, 4);
  const pad = Buffer.alloc((shape.padded ?? true) ? data.length & 1 : 0);
  const chunks = [
    ...(shape.before ?? []),
    chunk('fmt ', fmt, big),
    ...(shape.between ?? []),
    head,
    data,
    pad,
    ...(shape.after ?? []),
  ];
  const body = Buffer.concat(chunks);
  const riff = Buffer.alloc(12);
  riff.write(form ?? (big ? 'RIFX' : 'RIFF'), 'latin1');
  riff.write('WAVE', 8, 'latin1');
  const total = shape.riffSize ?? (form === undefined ? body.length + 4 : 0xffffffff);
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
