import { BitReader } from './bit-reader.js';
import type { Codec } from './codec.js';

interface AlacConfig {
  /** Maximum number of samples in a frame. */
  frameLength: number;
  /** Bit depth. */
  bits: number;
  /** Adaptation of the Rice codes: history multiplier, initial history, maximum parameter. */
  weight: number;
  mean: number;
  limit: number;
  channels: number;
  sampleRate: number;
}

const ELEMENT = { single: 0, pair: 1, low: 3, data: 4, fill: 6, end: 7 };
/** Maximum number of samples in a frame. Encoders write 4096. */
const MAX_FRAME = 1 << 16;

/**
 * Opens a decoder for Apple Lossless (ALAC) packets of a container.
 * @param cookie ALACSpecificConfig, 24 bytes. Source: Apple Lossless Format "Magic Cookie" Description
 */
export function openAlac(cookie: Uint8Array): Codec {
  if (cookie.length < 24) throw new Error('the ALAC header is truncated');
  const view = new DataView(cookie.buffer, cookie.byteOffset, cookie.byteLength);
  const config: AlacConfig = {
    frameLength: view.getUint32(0),
    bits: cookie[5]!,
    weight: cookie[6]!,
    mean: cookie[7]!,
    limit: cookie[8]!,
    channels: cookie[9]!,
    sampleRate: view.getUint32(20),
  };
  const { frameLength, bits, channels, sampleRate } = config;
  const known = [16, 20, 24, 32].includes(bits) && channels >= 1 && channels <= 8;
  if (!known || frameLength < 1 || frameLength > MAX_FRAME || sampleRate < 1)
    throw new Error('the ALAC header is invalid');
  return { sampleRate, decode: (packet) => decodeFrame(packet, config) };
}

function decodeFrame(packet: Uint8Array, config: AlacConfig): Float32Array[] {
  const reader = new BitReader(packet);
  const channels: Float32Array[] = [];
  const scale = 2 ** (1 - config.bits);
  while (channels.length < config.channels) {
    const element = reader.read(3);
    if (element === ELEMENT.end || reader.overrun) break;
    if (element === ELEMENT.single || element === ELEMENT.low || element === ELEMENT.pair) {
      for (const samples of readElement(reader, element === ELEMENT.pair ? 2 : 1, config)) {
        const scaled = new Float32Array(samples.length);
        for (let i = 0; i < scaled.length; i++) scaled[i] = samples[i]! * scale;
        channels.push(scaled);
      }
    } else if (element === ELEMENT.fill) {
      const count = reader.read(4);
      reader.position += 8 * (count === 15 ? count + reader.read(8) - 1 : count);
    } else if (element === ELEMENT.data) {
      reader.position += 4;
      const aligned = reader.flag();
      const count = reader.read(8);
      const size = count === 255 ? count + reader.read(8) : count;
      if (aligned) reader.align();
      reader.position += 8 * size;
    } else throw new Error('an ALAC frame is damaged');
  }
  if (channels.length === 0 || reader.overrun) throw new Error('an ALAC frame is damaged');
  return channels;
}

/** Reads one channel or a pair of channels. */
function readElement(reader: BitReader, count: 1 | 2, config: AlacConfig): Int32Array[] {
  reader.position += 4 + 12;
  const [partial, shifted, escaped] = [reader.flag(), reader.read(2), reader.flag()];
  const size = partial ? reader.read(32) : config.frameLength;
  if (size > config.frameLength || shifted === 3) throw new Error('an ALAC frame is damaged');
  if (escaped) return readPlain(reader, count, size, config.bits);
  const low = shifted * 8;
  const bits = config.bits - low + count - 1;
  const [mixBits, mixWeight] = [reader.read(8), reader.signed(8)];
  const predictors = Array.from({ length: count }, () => readPredictor(reader));
  const lows = new BitReader(reader.bytes, reader.position);
  reader.position += low * size * count;
  if (reader.overrun) throw new Error('an ALAC frame is truncated');
  const channels = predictors.map((predictor) => {
    const samples = readResiduals(reader, size, (config.weight * predictor.factor) >> 2, bits, config);
    if (predictor.mode > 0) predict(samples, new Int16Array(31), 31, bits, 0);
    predict(samples, predictor.coefficients, predictor.coefficients.length, bits, predictor.shift);
    return samples;
  });
  if (count === 2) unmix(channels, mixBits, mixWeight);
  if (low > 0) {
    for (let i = 0; i < size; i++) {
      for (const samples of channels) samples[i] = (samples[i]! << low) | lows.read(low);
    }
  }
  return channels;
}

function readPlain(reader: BitReader, count: number, size: number, bits: number): Int32Array[] {
  if (reader.left < count * size * bits) throw new Error('an ALAC frame is truncated');
  const channels = Array.from({ length: count }, () => new Int32Array(size));
  for (let i = 0; i < size; i++) for (const samples of channels) samples[i] = reader.signed(bits);
  return channels;
}

function readPredictor(reader: BitReader): { mode: number; shift: number; factor: number; coefficients: Int16Array } {
  const [mode, shift, factor, order] = [reader.read(4), reader.read(4), reader.read(3), reader.read(5)];
  const coefficients = Int16Array.from({ length: order }, () => reader.signed(16));
  return { mode, shift, factor, coefficients };
}

/** Reads adaptive Golomb codes, and runs of zeros where the mean is low. */
function readResiduals(reader: BitReader, size: number, weight: number, bits: number, config: AlacConfig): Int32Array {
  const residuals = new Int32Array(size);
  let mean = config.mean;
  let odd = 0; // 1 after a run of zeros, which no zero can follow
  for (let i = 0; i < size; i++) {
    if (reader.overrun) throw new Error('an ALAC frame is truncated');
    const parameter = Math.min(31 - Math.clz32((mean >> 9) + 3), config.limit);
    const value = readCode(reader, parameter, (1 << parameter) - 1, bits) + odd;
    residuals[i] = value % 2 === 0 ? value / 2 : -(value + 1) / 2;
    mean = value - odd > 0xffff ? 0xffff : weight * value + mean - ((weight * mean) >> 9);
    odd = 0;
    if (mean * 4 >= 512 || i + 1 >= size) continue;
    const short = Math.clz32(mean) - 24 + ((mean + 16) >> 6);
    const run = readCode(reader, short, ((1 << short) - 1) & ((1 << config.limit) - 1), 16);
    if (i + run >= size) throw new Error('an ALAC frame is damaged');
    i += run;
    odd = run >= 0xffff ? 0 : 1;
    mean = 0;
  }
  return residuals;
}

function readCode(reader: BitReader, parameter: number, multiplier: number, bits: number): number {
  let ones = 0;
  while (ones < 9 && reader.flag()) ones++;
  if (ones === 9) return reader.read(bits);
  if (parameter === 1) return ones;
  const rest = reader.peek(parameter);
  // The two lowest values share a code that is one bit shorter.
  reader.position += rest >= 2 ? parameter : parameter - 1;
  return ones * multiplier + (rest >= 2 ? rest - 1 : 0);
}

/** Reconstructs samples of this many bits from residuals, in place. The coefficients adapt to the signal. */
function predict(samples: Int32Array, coefficients: Int16Array, order: number, bits: number, shift: number): void {
  const cut = 32 - bits;
  const wrap = (value: number): number => (value << cut) >> cut;
  if (order === 0) return;
  if (order === 31) {
    for (let i = 1; i < samples.length; i++) samples[i] = wrap(samples[i]! + samples[i - 1]!);
    return;
  }
  for (let i = 1; i <= order && i < samples.length; i++) samples[i] = wrap(samples[i]! + samples[i - 1]!);
  const half = shift > 0 ? 1 << (shift - 1) : 0;
  for (let i = order + 1; i < samples.length; i++) {
    const base = samples[i - order - 1]!;
    let sum = 0;
    for (let k = 0; k < order; k++) sum = (sum + Math.imul(coefficients[k]!, samples[i - 1 - k]! - base)) | 0;
    const residual = samples[i]!;
    samples[i] = wrap(residual + base + ((sum + half) >> shift));
    const sign = Math.sign(residual);
    let left = residual;
    for (let k = order - 1; k >= 0 && left * sign > 0; k--) {
      const difference = base - samples[i - 1 - k]!;
      const step = Math.sign(difference) * sign;
      coefficients[k]! -= step;
      left -= (order - k) * (Math.imul(step, difference) >> shift);
    }
  }
}

function unmix([left, right]: Int32Array[], bits: number, weight: number): void {
  if (weight === 0) return;
  for (let i = 0; i < left!.length; i++) {
    const [sum, difference] = [left![i]!, right![i]!];
    left![i] = sum + difference - (Math.imul(weight, difference) >> bits);
    right![i] = left![i]! - difference;
  }
}
