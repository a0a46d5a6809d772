import type { LinearAudio } from './linear-audio.js';
import type { SampleLayout } from './samples.js';
import { bytesOf, floats, integers, interleaved, type SampleEncoding } from './samples.js';

export interface IntegerLayout {
  channels: number;
  /** In Hz. */
  sampleRate: number;
  /** Number of significant bits in each sample. */
  bits: number;
  /** Number of bytes that each sample occupies. Ignored if it is too small for `bits`. */
  container: number;
  littleEndian: boolean;
}

/**
 * Opens signed integers of any bit depth. They occupy the upper bits of their container, as the formats specify and as ffmpeg and
 * libsndfile read 12 bits in 2 bytes. If the container has unused bytes, programs differ in which of them they leave empty, and
 * some state a container size that is wrong. In these cases the samples themselves decide.
 * @returns undefined if there is no such sample format
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
      const float = floats(32, littleEndian)!; // the 24.0 float format of Cool Edit
      return looksFloat(bytes, littleEndian) ? as(float, 2 ** -23) : as(wide);
    }
  }
  return narrow === undefined || bytesOf(narrow) * 8 < bits ? undefined : as(narrow);
}

/** Returns whether the lower unused bytes of all samples are zero. */
function emptyBelow(bytes: Uint8Array, container: number, spare: number, littleEndian: boolean): boolean {
  const first = littleEndian ? 0 : container - spare;
  for (let at = 0; at + container <= bytes.length; at += container) {
    for (let i = 0; i < spare; i++) if (bytes[at + first + i] !== 0) return false;
  }
  return true;
}

/** Returns whether the upper unused bytes of all samples only extend the sign. */
function onlySignAbove(bytes: Uint8Array, container: number, spare: number, littleEndian: boolean): boolean {
  const [first, top] = littleEndian ? [container - spare, container - spare - 1] : [0, spare];
  for (let at = 0; at + container <= bytes.length; at += container) {
    const sign = bytes[at + top]! >= 128 ? 255 : 0;
    for (let i = 0; i < spare; i++) if (bytes[at + first + i] !== sign) return false;
  }
  return true;
}

/** Returns whether all samples are plausible as floats that are scaled to 24-bit integers. */
function looksFloat(bytes: Uint8Array, littleEndian: boolean): boolean {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 0; at + 4 <= bytes.length; at += 4) {
    const size = Math.abs(view.getFloat32(at, littleEndian));
    if (!(size === 0 || (size >= 2 ** -24 && size <= 2 ** 25))) return false;
  }
  return true;
}
