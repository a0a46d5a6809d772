import { UnsupportedFormatError } from '../../../decode-errors.js';
import { readChannel, readWindowInfo, shapeNoise } from './aac-channel.js';
import { Filterbank } from './aac-filterbank.js';
import { type ChannelData, INTENSITY_BOOK, MAX_BANDS, NOISE_BOOK, SHORT_LENGTH } from './aac-frame.js';
import { SAMPLE_RATES } from './aac-tables.js';
import { BitReader } from './bit-reader.js';
import type { Codec } from './codec.js';

const ELEMENT = { single: 0, pair: 1, coupling: 2, low: 3, data: 4, program: 5, fill: 6, end: 7 };
/** Names of audio object types that are not supported. */
const OBJECT_TYPES: Record<number, string> = {
  1: 'AAC Main',
  3: 'AAC SSR',
  4: 'AAC LTP',
  5: 'HE-AAC',
  23: 'AAC-LD',
  29: 'HE-AAC v2',
  39: 'AAC-ELD',
  42: 'xHE-AAC',
};
const LOW_COMPLEXITY = 2;
/** Maximum number of channels in a frame. */
const MAX_CHANNELS = 16;

/**
 * Decodes AAC-LC, which phones and ffmpeg write. HE-AAC is left to ffmpeg: its spectral band replication takes thousands of
 * further lines of code. Source: ISO/IEC 14496-3, subpart 4.
 */
export class AacCodec implements Codec {
  readonly sampleRate: number;
  readonly #rateIndex: number;
  readonly #banks = new Map<string, Filterbank>();
  #seed = 1;

  /** @throws UnsupportedFormatError for any object type other than AAC-LC */
  constructor({ objectType, sampleRate }: AacConfig) {
    if (objectType !== LOW_COMPLEXITY)
      throw new UnsupportedFormatError(OBJECT_TYPES[objectType] ?? `MPEG-4 audio object type ${objectType}`);
    this.sampleRate = sampleRate;
    // Sample rates without an index of their own use the bands of the nearest rate.
    const bounds = [92017, 75132, 55426, 46009, 37566, 27713, 23004, 18783, 13856, 11502, 9391, 0];
    this.#rateIndex = bounds.findIndex((bound) => sampleRate >= bound);
  }

  decode(packet: Uint8Array): Float32Array[] {
    const reader = new BitReader(packet);
    const channels: Float32Array[] = [];
    for (;;) {
      const element = reader.read(3);
      if (element === ELEMENT.end || reader.left <= 0) break;
      if (element === ELEMENT.fill) skipFill(reader);
      else if (element === ELEMENT.data) skipData(reader);
      else if (element === ELEMENT.program) skipProgram(reader);
      else if (element === ELEMENT.coupling) throw new UnsupportedFormatError('AAC with coupling channels');
      else this.#decodeElement(reader, element, channels);
      if (channels.length > MAX_CHANNELS) throw new Error('an AAC frame is damaged');
    }
    if (channels.length === 0) throw new Error('an AAC frame contains no channels');
    return channels;
  }

  #decodeElement(reader: BitReader, element: number, channels: Float32Array[]): void {
    const tag = `${element}/${reader.read(4)}`;
    if (element !== ELEMENT.pair) {
      const channel = readChannel(reader, this.#rateIndex);
      this.#makeNoise(channel);
      channels.push(this.#synthesize(channel, tag));
      return;
    }
    const common = reader.flag() ? readWindowInfo(reader, this.#rateIndex) : undefined;
    const masks = common === undefined ? undefined : readMasks(reader, common);
    const left = readChannel(reader, this.#rateIndex, common);
    const right = readChannel(reader, this.#rateIndex, common);
    const seeds = this.#makeNoise(left);
    this.#makeNoise(right, masks, seeds);
    if (common !== undefined) decodeStereo(left, right, masks);
    channels.push(this.#synthesize(left, `${tag}/0`), this.#synthesize(right, `${tag}/1`));
  }

  #synthesize({ info, spectrum, filters }: ChannelData, key: string): Float32Array {
    shapeNoise(spectrum, filters);
    let bank = this.#banks.get(key);
    if (bank === undefined) this.#banks.set(key, (bank = new Filterbank()));
    const samples = bank.process(spectrum, info.sequence, info.shape);
    const scaled = new Float32Array(samples.length);
    for (let i = 0; i < scaled.length; i++) scaled[i] = samples[i]! / 32768;
    return scaled;
  }

  /**
   * Perceptual noise substitution: fills bands with noise of the transmitted energy. Both channels get the same noise in bands
   * whose mask is set.
   * @returns the seed of each band's noise
   */
  #makeNoise(channel: ChannelData, masks?: Uint8Array, others?: Map<number, number>): Map<number, number> {
    const seeds = new Map<number, number>();
    for (const { at, start, end, window } of bandsOf(channel)) {
      if (channel.books[at] !== NOISE_BOOK) continue;
      const key = window * MAX_BANDS + (at % MAX_BANDS);
      const shared = masks?.[at] ? others?.get(key) : undefined;
      let seed = shared ?? this.#seed;
      seeds.set(key, seed);
      let energy = 0;
      for (let bin = start; bin < end; bin++) {
        seed = (Math.imul(seed, 1664525) + 1013904223) | 0;
        channel.spectrum[bin] = seed;
        energy += seed * seed;
      }
      if (shared === undefined) this.#seed = seed;
      const scale = 2 ** (channel.scales[at]! / 4) / Math.sqrt(energy || 1);
      for (let bin = start; bin < end; bin++) channel.spectrum[bin]! *= scale;
    }
    return seeds;
  }
}

function readMasks(reader: BitReader, { groups, bands }: ChannelData['info']): Uint8Array {
  const kind = reader.read(2);
  const masks = new Uint8Array(groups.length * MAX_BANDS);
  if (kind === 2) masks.fill(1);
  if (kind === 1) {
    for (let group = 0; group < groups.length; group++) {
      for (let band = 0; band < bands; band++) masks[group * MAX_BANDS + band] = reader.read(1);
    }
  }
  return masks;
}

/** Yields each band of each window: its index in the channel's arrays, and its coefficients. */
function* bandsOf({ info }: ChannelData): Iterable<{ at: number; start: number; end: number; window: number }> {
  const { groups, bands, offsets } = info;
  let window = 0;
  for (const [group, size] of groups.entries()) {
    for (const last = window + size; window < last; window++) {
      for (let band = 0; band < bands; band++) {
        const [start, end] = [window * SHORT_LENGTH + offsets[band]!, window * SHORT_LENGTH + offsets[band + 1]!];
        yield { at: group * MAX_BANDS + band, start, end, window };
      }
    }
  }
}

/** Reverses joint stereo coding: mid/side and intensity stereo. Source: ISO/IEC 14496-3, 4.6.8. */
function decodeStereo(left: ChannelData, right: ChannelData, masks: Uint8Array | undefined): void {
  const [l, r] = [left.spectrum, right.spectrum];
  for (const { at, start, end } of bandsOf(right)) {
    const book = right.books[at]!;
    if (book >= INTENSITY_BOOK.opposite) {
      const sign = (book === INTENSITY_BOOK.same ? 1 : -1) * (masks?.[at] ? -1 : 1);
      const scale = sign * 0.5 ** (right.scales[at]! / 4);
      for (let bin = start; bin < end; bin++) r[bin] = l[bin]! * scale;
    } else if (masks?.[at] && book !== NOISE_BOOK && left.books[at]! < NOISE_BOOK) {
      for (let bin = start; bin < end; bin++) {
        const [middle, side] = [l[bin]!, r[bin]!];
        l[bin] = middle + side;
        r[bin] = middle - side;
      }
    }
  }
}

/**
 * Skips a fill element.
 * @throws UnsupportedFormatError if it contains spectral band replication (SBR), which makes the stream HE-AAC
 */
function skipFill(reader: BitReader): void {
  let count = reader.read(4);
  if (count === 15) count += reader.read(8) - 1;
  if (count > 0 && reader.left >= 4 && [13, 14].includes(reader.peek(4))) throw new UnsupportedFormatError('HE-AAC');
  reader.position += count * 8;
}

function skipData(reader: BitReader): void {
  reader.position += 4;
  const aligned = reader.flag();
  let count = reader.read(8);
  if (count === 255) count += reader.read(8);
  if (aligned) reader.align();
  reader.position += count * 8;
}

function skipProgram(reader: BitReader): void {
  reader.position += 4 + 2 + 4;
  const [front, side, back] = [reader.read(4), reader.read(4), reader.read(4)];
  const [low, data, coupling] = [reader.read(2), reader.read(3), reader.read(4)];
  for (const bits of [4, 4, 3]) if (reader.flag()) reader.position += bits;
  reader.position += 5 * (front + side + back + coupling) + 4 * (low + data);
  reader.align();
  reader.position += 8 * reader.read(8);
}

export interface AacConfig {
  objectType: number;
  /** In Hz. */
  sampleRate: number;
}

/**
 * Reads AudioSpecificConfig, which containers store. Source: ISO/IEC 14496-3, 1.6.2.1.
 * @throws UnsupportedFormatError for any object type other than AAC-LC
 */
export function readAacConfig(bytes: Uint8Array): AacConfig {
  const reader = new BitReader(bytes);
  const objectType = readObjectType(reader);
  const sampleRate = readRate(reader);
  reader.read(4); // channel configuration: the frames show the channels
  if (objectType !== LOW_COMPLEXITY)
    throw new UnsupportedFormatError(OBJECT_TYPES[objectType] ?? `MPEG-4 audio object type ${objectType}`);
  if (reader.flag()) throw new UnsupportedFormatError('AAC with 960 samples per frame');
  if (reader.flag()) throw new UnsupportedFormatError('scalable AAC');
  const extended = reader.position + 1;
  for (let at = extended; at + 16 <= bytes.length * 8; at++) {
    reader.position = at;
    if (reader.read(11) === 0x2b7 && reader.read(5) === 5 && reader.flag()) throw new UnsupportedFormatError('HE-AAC');
  }
  if (sampleRate < 1) throw new Error('the AAC header states a sample rate of 0 Hz');
  return { objectType, sampleRate };
}

function readObjectType(reader: BitReader): number {
  const type = reader.read(5);
  return type === 31 ? 32 + reader.read(6) : type;
}

function readRate(reader: BitReader): number {
  const index = reader.read(4);
  return index === 15 ? reader.read(24) : (SAMPLE_RATES[index] ?? 0);
}
