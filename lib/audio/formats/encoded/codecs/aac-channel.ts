import { UnsupportedFormatError } from '../../../decode-errors.js';
import {
  type ChannelData,
  FRAME_LENGTH,
  INTENSITY_BOOK,
  MAX_BANDS,
  NOISE_BOOK,
  type NoiseFilter,
  SEQUENCE,
  SHORT_LENGTH,
  type WindowInfo,
  type WindowSequence,
} from './aac-frame.js';
import { BANDS, type CodeBook, SCALE_BOOK, SHORT_BITS, SPECTRUM_BOOKS, TNS_BANDS } from './aac-tables.js';
import type { BitReader } from './bit-reader.js';

/** The code book whose values of 16 stand for escape codes. */
const ESCAPE_BOOK = 11;
/** x ** (4 / 3) */
const POWERS = Float64Array.from({ length: 8192 }, (_, value) => value ** (4 / 3));
/** 2 ** ((scale - 100) / 4) */
const SCALES = Float64Array.from({ length: 256 }, (_, scale) => 2 ** ((scale - 100) / 4));

/** Reads `ics_info`. Source: ISO/IEC 14496-3, 4.4.2.1, table 4.6. */
export function readWindowInfo(reader: BitReader, rateIndex: number): WindowInfo {
  reader.position++;
  const sequence = reader.read(2) as WindowSequence;
  const shape = reader.read(1);
  const short = sequence === SEQUENCE.eightShort;
  const bands = reader.read(short ? 4 : 6);
  const groups = [1];
  if (short) {
    for (let i = 0; i < 7; i++) {
      if (reader.flag()) groups[groups.length - 1]!++;
      else groups.push(1);
    }
  } else if (reader.flag()) throw new UnsupportedFormatError('AAC with prediction');
  const offsets = (short ? BANDS.short : BANDS.long)[rateIndex]!;
  if (bands >= offsets.length) throw new Error('an AAC frame is damaged');
  return { sequence, shape, bands, groups, offsets };
}

/**
 * Reads the data of one channel (`individual_channel_stream`). Source: ISO/IEC 14496-3, table 4.50.
 * @param common the window information that both channels of a pair share
 */
export function readChannel(reader: BitReader, rateIndex: number, common?: WindowInfo): ChannelData {
  const gain = reader.read(8);
  const info = common ?? readWindowInfo(reader, rateIndex);
  const books = readSections(reader, info);
  const scales = readScales(reader, info, books, gain);
  const pulses = reader.flag() ? readPulses(reader, info) : [];
  const filters = reader.flag() ? readFilters(reader, info, rateIndex) : [];
  if (reader.flag()) throw new UnsupportedFormatError('AAC with a scalable sampling rate');
  const spectrum = readSpectrum(reader, info, books, scales, pulses);
  if (reader.overrun) throw new Error('an AAC frame is truncated');
  return { info, books, scales, spectrum, filters };
}

function readSections(reader: BitReader, { sequence, bands, groups }: WindowInfo): Uint8Array {
  const books = new Uint8Array(groups.length * MAX_BANDS);
  const bits = sequence === SEQUENCE.eightShort ? 3 : 5;
  const escape = (1 << bits) - 1;
  for (let group = 0; group < groups.length; group++) {
    for (let band = 0; band < bands;) {
      const book = reader.read(4);
      let size = 0;
      let part: number;
      do size += part = reader.read(bits);
      while (part === escape && size <= bands);
      if (book === 12 || band + size > bands || reader.overrun) throw new Error('an AAC frame is damaged');
      books.fill(book, group * MAX_BANDS + band, group * MAX_BANDS + band + size);
      if (size === 0 && book === 0 && reader.left <= 0) throw new Error('an AAC frame is damaged');
      band += size;
    }
  }
  return books;
}

function readScales(reader: BitReader, { bands, groups }: WindowInfo, books: Uint8Array, gain: number): Int16Array {
  const scales = new Int16Array(books.length);
  let [scale, noise, position] = [gain, gain - 90, 0];
  let firstNoise = true;
  for (let group = 0; group < groups.length; group++) {
    for (let at = group * MAX_BANDS; at < group * MAX_BANDS + bands; at++) {
      const book = books[at]!;
      if (book === 0) continue;
      if (book === NOISE_BOOK && firstNoise) {
        noise += reader.read(9) - 256;
        firstNoise = false;
      } else {
        const change = readSymbol(reader, SCALE_BOOK) - 60;
        if (book === NOISE_BOOK) noise += change;
        else if (book >= INTENSITY_BOOK.opposite) position += change;
        else scale += change;
      }
      if (scale < 0 || scale > 255) throw new Error('an AAC frame is damaged');
      scales[at] = book === NOISE_BOOK ? noise : book >= INTENSITY_BOOK.opposite ? position : scale;
    }
  }
  return scales;
}

function readPulses(reader: BitReader, { sequence, offsets }: WindowInfo): [at: number, height: number][] {
  if (sequence === SEQUENCE.eightShort) throw new Error('an AAC frame is damaged');
  const count = reader.read(2) + 1;
  let at = offsets[reader.read(6)] ?? FRAME_LENGTH;
  return Array.from({ length: count }, () => {
    at += reader.read(5);
    if (at >= FRAME_LENGTH) throw new Error('an AAC frame is damaged');
    return [at, reader.read(4)];
  });
}

/** Reads the filters of temporal noise shaping. Source: ISO/IEC 14496-3, 4.6.9. */
function readFilters(reader: BitReader, { sequence, bands, offsets }: WindowInfo, rateIndex: number): NoiseFilter[] {
  const short = sequence === SEQUENCE.eightShort;
  const filters: NoiseFilter[] = [];
  const maxBand = Math.min(bands, (short ? TNS_BANDS.short : TNS_BANDS.long)[rateIndex]!);
  for (let window = 0; window < (short ? 8 : 1); window++) {
    const count = reader.read(short ? 1 : 2);
    const resolution = count > 0 ? reader.read(1) + 3 : 0;
    let top = offsets.length - 1;
    for (let i = 0; i < count; i++) {
      const bottom = Math.max(0, top - reader.read(short ? 4 : 6));
      const order = reader.read(short ? 3 : 5);
      if (order > 20) throw new Error('an AAC frame is damaged');
      if (order > 0) {
        const backwards = reader.flag();
        const bits = resolution - reader.read(1);
        const reflections = Array.from({ length: order }, () => {
          const value = reader.signed(bits);
          return Math.sin((value * Math.PI) / (2 ** resolution + (value < 0 ? 1 : -1)));
        });
        const begin = window * SHORT_LENGTH;
        const start = begin + offsets[Math.min(bottom, maxBand)]!;
        const end = begin + offsets[Math.min(top, maxBand)]!;
        filters.push({ start, end, backwards, coefficients: directForm(reflections) });
      }
      top = bottom;
    }
  }
  return filters;
}

/** Converts reflection coefficients to those of the direct form (Levinson recursion). */
function directForm(reflections: readonly number[]): Float64Array {
  const coefficients = new Float64Array(reflections.length);
  for (const [order, reflection] of reflections.entries()) {
    const before = coefficients.slice(0, order);
    for (let i = 0; i < order; i++) coefficients[i] = before[i]! + reflection * before[order - 1 - i]!;
    coefficients[order] = reflection;
  }
  return coefficients;
}

/** Applies the filters of temporal noise shaping to a spectrum in place. */
export function shapeNoise(spectrum: Float64Array, filters: readonly NoiseFilter[]): void {
  for (const { start, end, backwards, coefficients } of filters) {
    const step = backwards ? -1 : 1;
    let at = backwards ? end - 1 : start;
    for (let i = 0; i < end - start; i++, at += step) {
      const reach = Math.min(i, coefficients.length);
      for (let k = 0; k < reach; k++) spectrum[at]! -= coefficients[k]! * spectrum[at - (k + 1) * step]!;
    }
  }
}

function readSpectrum(
  reader: BitReader,
  { bands, groups, offsets }: WindowInfo,
  books: Uint8Array,
  scales: Int16Array,
  pulses: readonly [at: number, height: number][],
): Float64Array {
  const spectrum = new Float64Array(FRAME_LENGTH);
  const values = new Int32Array(4);
  let first = 0; // first window of the group
  for (let group = 0; group < groups.length; group++) {
    for (let band = 0; band < bands; band++) {
      const at = group * MAX_BANDS + band;
      const book = books[at]!;
      if (book === 0 || book >= NOISE_BOOK) continue;
      const scale = SCALES[scales[at]!]!;
      const size = book < 5 ? 4 : 2;
      for (let window = first; window < first + groups[group]!; window++) {
        const end = window * SHORT_LENGTH + offsets[band + 1]!;
        for (let bin = window * SHORT_LENGTH + offsets[band]!; bin < end; bin += size) {
          readValues(reader, book, values);
          if (pulses.length > 0) addPulses(values, pulses, bin, size);
          for (let i = 0; i < size; i++) {
            const value = values[i]!;
            if (value !== 0) spectrum[bin + i] = value > 0 ? power(value) * scale : -power(-value) * scale;
          }
        }
      }
      if (reader.overrun) throw new Error('an AAC frame is truncated');
    }
    first += groups[group]!;
  }
  return spectrum;
}

function addPulses(
  values: Int32Array,
  pulses: readonly [at: number, height: number][],
  bin: number,
  size: number,
): void {
  for (const [at, height] of pulses) {
    const i = at - bin;
    if (i >= 0 && i < size) values[i]! += values[i]! > 0 ? height : -height;
  }
}

function power(value: number): number {
  return value < POWERS.length ? POWERS[value]! : value ** (4 / 3);
}

/** Reads two or four coefficients of a spectrum. */
function readValues(reader: BitReader, book: number, values: Int32Array): void {
  let symbol = readSymbol(reader, SPECTRUM_BOOKS[book - 1]!);
  if (book < 5) {
    const signed = book < 3;
    for (let i = 3; i >= 0; i--) {
      values[i] = (symbol % 3) - (signed ? 1 : 0);
      symbol = (symbol / 3) | 0;
    }
    if (!signed) for (let i = 0; i < 4; i++) if (values[i]! !== 0 && reader.flag()) values[i] = -values[i]!;
    return;
  }
  const base = book < 7 ? 9 : book < 9 ? 8 : book < 11 ? 13 : 17;
  values[0] = (symbol / base) | 0;
  values[1] = symbol % base;
  if (book < 7) {
    values[0] -= 4;
    values[1] -= 4;
    return;
  }
  const negative = values[0] !== 0 && reader.flag();
  const negativeSecond = values[1] !== 0 && reader.flag();
  if (book === ESCAPE_BOOK) {
    if (values[0] === 16) values[0] = readEscape(reader);
    if (values[1] === 16) values[1] = readEscape(reader);
  }
  if (negative) values[0] = -values[0];
  if (negativeSecond) values[1] = -values[1];
}

function readEscape(reader: BitReader): number {
  let bits = 4;
  while (reader.flag()) if (++bits > 12) throw new Error('an AAC frame is damaged');
  return (1 << bits) + reader.read(bits);
}

/** Reads one Huffman code. */
function readSymbol(reader: BitReader, { short, limits, offsets, symbols }: CodeBook): number {
  const word = reader.peek(19);
  const entry = short[word >> (19 - SHORT_BITS)]!;
  if (entry !== 0) {
    reader.position += entry & 31;
    return entry >> 5;
  }
  for (let bits = SHORT_BITS + 1; bits < limits.length; bits++) {
    const code = word >> (19 - bits);
    if (code < limits[bits]!) {
      reader.position += bits;
      return symbols[offsets[bits]! + code]!;
    }
  }
  throw new Error('an AAC frame is damaged');
}
