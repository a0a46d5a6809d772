import type { SampleLayout } from './samples.js';
import { bytesOf, floats, integers, interleaved, type SampleEncoding } from './samples.js';
import type { LinearAudio } from './linear-audio.js';

export interface IntegerLayout {
  channels: number;
  /** Hz. */
  sampleRate: number;
  /** That count in each sample. */
  bits: number;
  /** Bytes from one sample of a channel to the next channel's; below what `bits` need, it is a lie and not believed. */
  container: number;
  littleEndian: boolean;
}

/**
 * Signed integers of any number of bits. They are the upper bits of their container: that is what formats say, and what
 * ffmpeg and libsndfile make of 12 bits in 2 bytes. Where the container has whole bytes to spare, programs differ in which
 * they leave empty, and some write a container's size that is not so: there the samples themselves decide.
 * @returns undefined where there is no such encoding
 */
export function readIntegers(bytes: Uint8Array, layout: IntegerLayout): LinearAudio | undefined {
  const { channels, sampleRate, bits, container, littleEndian } = layout;
  const used = Math.ceil(bits / 8);
  const narrow = integers(used, littleEndian);
  const wide = container > used && used > 1 ? integers(container, littleEndian) : undefined;
  const as = (encoding: SampleEncoding, gain = 1): LinearAudio =>
    interleaved(bytes, { encoding, channels, sampleRate, gain } satisfies SampleLayout);
  if (wide !== undefined) {
    const spare = container - used;
    if (emptyBelow(bytes, container, spare, littleEndian)) return as(wide);
    if (onlySignAbove(bytes, container, spare, littleEndian)) return as(wide, 256 ** spare);
    if (used === 3 && container === 4) {
      const float = floats(32, littleEndian)!; // Cool Edit's 24.0 float
      return looksFloat(bytes, littleEndian) ? as(float, 2 ** -23) : as(wide);
    }
  }
  return narrow === undefined || bytesOf(narrow) * 8 < bits ? undefined : as(narrow);
}

function emptyBelow(bytes: Uint8Array, container: number, spare: number, littleEndian: boolean): boolean {
  const first = littleEndian ? 0 : container - spare;
  for (let at = 0; at + container <= bytes.length; at += container) {
    for (let i = 0; i < spare; i++) if (bytes[at + first + i] !== 0) return false;
  }
  return true;
}

function onlySignAbove(bytes: Uint8Array, container: number, spare: number, littleEndian: boolean): boolean {
  const [first, top] = littleEndian ? [container - spare, container - spare - 1] : [0, spare];
  for (let at = 0; at + container <= bytes.length; at += container) {
    const sign = bytes[at + top]! >= 128 ? 255 : 0;
    for (let i = 0; i < spare; i++) if (bytes[at + first + i] !== sign) return false;
  }
  return true;
}

/** Of the size of 24-bit integers, all of them. */
function looksFloat(bytes: Uint8Array, littleEndian: boolean): boolean {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 0; at + 4 <= bytes.length; at += 4) {
    const size = Math.abs(view.getFloat32(at, littleEndian));
    if (!(size === 0 || (size >= 2 ** -24 && size <= 2 ** 25))) return false;
  }
  return true;
}
