/** Builds audio files byte by byte, so that the expected interpretation of their headers is known. */
export type Part = Uint8Array | string | number[];

/** Concatenates bytes. Strings are Latin-1. */
export function bytes(...parts: Part[]): Buffer {
  return Buffer.concat(
    parts.map((part) => (typeof part === 'string' ? Buffer.from(part, 'latin1') : Buffer.from(part))),
  );
}

export interface Order {
  big?: boolean;
}

/** Encodes an integer in this many bytes. */
export function int(value: number, size: number, { big = false }: Order = {}): Buffer {
  const out = Buffer.alloc(size);
  let rest = BigInt.asUintN(8 * size, BigInt(value));
  for (let i = 0; i < size; i++) {
    out[big ? size - 1 - i : i] = Number(rest & 0xffn);
    rest >>= 8n;
  }
  return out;
}

export const ints = (values: readonly number[], size: number, order?: Order): Buffer =>
  Buffer.concat(values.map((value) => int(value, size, order)));

/**
 * Returns a chunk of RIFF, or of AIFF if `big`.
 * @param size the size in the header; by default the correct one
 */
export function chunk(
  id: string,
  content: Part,
  { big = false, size, padded = true }: Order & { size?: number; padded?: boolean } = {},
): Buffer {
  const body = bytes(content);
  return bytes(id, int(size ?? body.length, 4, { big }), body, padded && body.length % 2 === 1 ? [0] : []);
}

export interface WavFormat extends Order {
  tag?: number;
  channels?: number;
  sampleRate?: number;
  bits?: number;
  blockBytes?: number;
  /** Bytes after the first 16 of the format. */
  extension?: Part;
}

export function wavFormat(format: WavFormat = {}): Buffer {
  const { tag = 1, channels = 1, sampleRate = 16000, bits = 16, big = false } = format;
  const { blockBytes = Math.ceil(bits / 8) * channels, extension = [] } = format;
  const [half, whole] = [(value: number) => int(value, 2, { big }), (value: number) => int(value, 4, { big })];
  const rest = [whole(sampleRate * blockBytes), half(blockBytes), half(bits), extension];
  return chunk('fmt ', bytes(half(tag), half(channels), whole(sampleRate), ...rest), { big });
}

export function riff(...chunks: Part[]): Buffer {
  const body = bytes('WAVE', ...chunks);
  return bytes('RIFF', int(body.length, 4), body);
}

/** Returns a WAV file with these samples. */
export const wav = (format: WavFormat, samples: Part): Buffer => riff(wavFormat(format), chunk('data', samples));
