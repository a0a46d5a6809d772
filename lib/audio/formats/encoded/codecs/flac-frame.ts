import { BitReader } from './bit-reader.js';

/** The properties in STREAMINFO. Frames may refer to them. */
export interface FlacStream {
  /** In Hz. */
  sampleRate: number;
  channels: number;
  bits: number;
}

export interface FlacFrame {
  channelData: Float32Array[];
  sampleRate: number;
  /** Size of the frame in bytes. */
  size: number;
}

/** Block sizes by code. Negative: the size is stored after the header, in this many bits. Source: RFC 9639, 9.1.1. */
const SIZES = [0, 192, 576, 1152, 2304, 4608, -8, -16, 256, 512, 1024, 2048, 4096, 8192, 16384, 32768];
/**
 * Sample rates by code. Negative: the rate is stored after the header, in kHz (-8), Hz (-16) or tens of Hz (-10). Source: RFC
 * 9639, 9.1.2.
 */
const RATES = [0, 88200, 176400, 192000, 8000, 16000, 22050, 24000, 32000, 44100, 48000, 96000, -8, -16, -10, NaN];
/** Bit depths by code. Source: RFC 9639, 9.1.4. */
const BITS = [0, 8, 12, NaN, 16, 20, 24, 32];
/** Coefficients of the fixed predictors, by order. */
const FIXED = [[], [1], [2, -1], [3, -3, 1], [4, -6, 4, -1]];
const ESCAPE = { 4: 15, 5: 31 };

interface Header {
  blockSize: number;
  sampleRate: number;
  /** Channel assignment. Below 8: the number of independent channels minus one. */
  assignment: number;
  bits: number;
  /** Size of the header in bytes. */
  size: number;
}

/** Reads STREAMINFO, 34 bytes. Source: RFC 9639, 8.2. */
export function readStreamInfo(bytes: Uint8Array): FlacStream {
  if (bytes.length < 34) throw new Error('the FLAC header is truncated');
  const reader = new BitReader(bytes, 80);
  return { sampleRate: reader.read(20), channels: reader.read(3) + 1, bits: reader.read(5) + 1 };
}

/**
 * Reads the header of a frame. Source: RFC 9639, 9.1.
 * @returns undefined if there is no header with a correct checksum at this position
 */
export function frameHeader(bytes: Uint8Array, at: number, stream: FlacStream): Header | undefined {
  if (bytes[at] !== 0xff || (bytes[at + 1]! & 0xfc) !== 0xf8) return undefined;
  const reader = new BitReader(bytes.subarray(at, at + 17), 16);
  const [sizeCode, rateCode, assignment, bitsCode] = [reader.read(4), reader.read(4), reader.read(4), reader.read(3)];
  if (sizeCode === 0 || rateCode === 15 || assignment > 10 || bitsCode === 3) return undefined;
  reader.position++; // a reserved bit, which old encoders set
  let first = reader.read(8); // the frame number, coded as in UTF-8
  for (first <<= 1; (first & 0x180) === 0x180; first <<= 1) reader.position += 8;
  const stated = (code: number): number => (code < 0 ? reader.read(code === -8 ? 8 : 16) : code);
  const blockSize = SIZES[sizeCode]! < 0 ? stated(SIZES[sizeCode]!) + 1 : SIZES[sizeCode]!;
  const rate = stated(RATES[rateCode]!);
  const sampleRate = [stream.sampleRate, rate * 1000, rate, rate * 10][
    rateCode === 0 ? 0 : Math.max(0, rateCode - 11)
  ]!;
  const size = reader.position / 8 + 1;
  if (at + size > bytes.length || crc8(bytes, at, at + size - 1) !== bytes[at + size - 1]) return undefined;
  const found = rateCode > 0 && rateCode < 12 ? RATES[rateCode]! : sampleRate;
  return { blockSize, sampleRate: found, assignment, bits: BITS[bitsCode]! || stream.bits, size };
}

/** @throws Error if the frame is damaged or truncated */
export function decodeFrame(bytes: Uint8Array, stream: FlacStream): FlacFrame {
  const header = frameHeader(bytes, 0, stream);
  if (header === undefined) throw new Error('a FLAC frame has no header');
  const { blockSize, sampleRate, assignment, bits, size } = header;
  const reader = new BitReader(bytes, size * 8);
  const count = assignment < 8 ? assignment + 1 : 2;
  const channels = Array.from({ length: count }, (_, channel) => {
    const side = assignment === 9 ? channel === 0 : assignment >= 8 && channel === 1;
    return subframe(reader, blockSize, bits + (side ? 1 : 0));
  });
  reader.align();
  const end = reader.position / 8;
  if (end + 2 > bytes.length) throw new Error('a FLAC frame is truncated');
  if (crc16(bytes, 0, end) !== bytes[end]! * 256 + bytes[end + 1]!) throw new Error('a FLAC frame is damaged');
  if (assignment >= 8) decorrelate(channels, assignment);
  const scale = 2 ** (1 - bits);
  const channelData = channels.map((samples) => {
    const scaled = new Float32Array(blockSize);
    for (let i = 0; i < blockSize; i++) scaled[i] = samples[i]! * scale;
    return scaled;
  });
  return { channelData, sampleRate, size: end + 2 };
}

function decorrelate([a, b]: Float64Array[], assignment: number): void {
  for (let i = 0; i < a!.length; i++) {
    const [first, second] = [a![i]!, b![i]!];
    if (assignment === 8) b![i] = first - second;
    else if (assignment === 9) a![i] = first + second;
    else {
      const left = (first * 2 + (second & 1) + second) / 2;
      a![i] = left;
      b![i] = left - second;
    }
  }
}

/** Decodes the subframe of one channel. Samples are doubles, because the side channel of 32-bit stereo has 33 bits. */
function subframe(reader: BitReader, blockSize: number, stated: number): Float64Array {
  const kind = reader.read(8);
  const wasted = kind & 1 ? reader.zeros() + 1 : 0;
  const bits = stated - wasted;
  const type = (kind >> 1) & 63;
  if (kind >> 7 || bits < 1) throw new Error('a FLAC frame is damaged');
  const samples = new Float64Array(blockSize);
  if (type === 0) samples.fill(reader.signed(bits));
  else if (type === 1) {
    if (reader.left < bits * blockSize) throw new Error('a FLAC frame is truncated');
    for (let i = 0; i < blockSize; i++) samples[i] = reader.signed(bits);
  } else if (type >= 8 && type <= 12)
    predicted(reader, samples, FIXED[type - 8]!.length, bits, () => FIXED[type - 8]!, 0);
  else if (type >= 32) predicted(reader, samples, type - 31, bits);
  else throw new Error('a FLAC frame is damaged');
  if (wasted > 0) for (let i = 0; i < blockSize; i++) samples[i]! *= 2 ** wasted;
  return samples;
}

function predicted(
  reader: BitReader,
  samples: Float64Array,
  order: number,
  bits: number,
  fixed?: () => readonly number[],
  fixedShift = 0,
): void {
  if (order > samples.length) throw new Error('a FLAC frame is damaged');
  for (let i = 0; i < order; i++) samples[i] = reader.signed(bits);
  let [coefficients, shift] = [fixed?.() ?? [], fixedShift];
  let precision = 0;
  if (fixed === undefined) {
    precision = reader.read(4) + 1;
    shift = reader.signed(5);
    if (precision === 16 || shift < 0) throw new Error('a FLAC frame is damaged');
    coefficients = Array.from({ length: order }, () => reader.signed(precision));
  }
  residual(reader, samples, order);
  const narrow = bits + (fixed === undefined ? precision : 4) + Math.ceil(Math.log2(order + 1)) <= 32;
  if (narrow) predictNarrow(samples, Int32Array.from(coefficients), shift);
  else predictWide(samples, coefficients, 2 ** shift);
}

/** Applies a predictor whose sums do not exceed 32 bits. */
function predictNarrow(samples: Float64Array, coefficients: Int32Array, shift: number): void {
  const order = coefficients.length;
  const history = Int32Array.from(samples);
  for (let i = order; i < history.length; i++) {
    let sum = 0;
    for (let j = 0; j < order; j++) sum = (sum + Math.imul(coefficients[j]!, history[i - 1 - j]!)) | 0;
    history[i] = (history[i]! + (sum >> shift)) | 0;
  }
  samples.set(history);
}

/** Applies a predictor in doubles. */
function predictWide(samples: Float64Array, coefficients: readonly number[], divisor: number): void {
  const order = coefficients.length;
  for (let i = order; i < samples.length; i++) {
    let sum = 0;
    for (let j = 0; j < order; j++) sum += coefficients[j]! * samples[i - 1 - j]!;
    samples[i]! += Math.floor(sum / divisor);
  }
}

/** Reads the residual from sample `order` on. Source: RFC 9639, 9.2.7. */
function residual(reader: BitReader, samples: Float64Array, order: number): void {
  const method = reader.read(2);
  if (method > 1) throw new Error('a FLAC frame is damaged');
  const width = method === 0 ? 4 : 5;
  const partitions = 1 << reader.read(4);
  const each = samples.length / partitions;
  if (!Number.isInteger(each) || each < order) throw new Error('a FLAC frame is damaged');
  let at = order;
  for (let partition = 1; partition <= partitions; partition++) {
    const parameter = reader.read(width);
    const end = partition * each;
    if (parameter === ESCAPE[width]) {
      const bits = reader.read(5);
      for (; at < end; at++) samples[at] = reader.signed(bits);
    } else at = riceCodes(reader, samples, at, end, parameter);
    if (reader.overrun) throw new Error('a FLAC frame is truncated');
  }
}

/**
 * Reads Rice codes. Nearly all are short and are read with a single access to the bits, because decoding FLAC spends most of its
 * time here.
 */
function riceCodes(reader: BitReader, samples: Float64Array, at: number, end: number, parameter: number): number {
  const step = 2 ** parameter;
  const mask = step - 1;
  for (; at < end; at++) {
    const word = reader.peek(24);
    const zeros = Math.clz32(word) - 8;
    const used = zeros + 1 + parameter;
    let value: number;
    if (used <= 24) {
      reader.position += used;
      value = (zeros << parameter) | ((word >> (24 - used)) & mask);
      samples[at] = (value >>> 1) ^ -(value & 1);
    } else {
      value = reader.zeros() * step + reader.read(parameter);
      samples[at] = value % 2 === 0 ? value / 2 : -(value + 1) / 2;
    }
  }
  return at;
}

const [CRC8, CRC16] = [table(8, 0x07), table(16, 0x8005)];

function table(bits: number, polynomial: number): Uint16Array {
  const top = 1 << (bits - 1);
  return Uint16Array.from({ length: 256 }, (_, index) => {
    let value = index << (bits - 8);
    for (let bit = 0; bit < 8; bit++) value = (value & top ? (value << 1) ^ polynomial : value << 1) & (top * 2 - 1);
    return value;
  });
}

function crc8(bytes: Uint8Array, start: number, end: number): number {
  let crc = 0;
  for (let i = start; i < end; i++) crc = CRC8[crc ^ bytes[i]!]!;
  return crc;
}

function crc16(bytes: Uint8Array, start: number, end: number): number {
  let crc = 0;
  for (let i = start; i < end; i++) crc = ((crc << 8) ^ CRC16[(crc >> 8) ^ bytes[i]!]!) & 0xffff;
  return crc;
}
