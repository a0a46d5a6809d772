import { limits } from '../options/limits.js';

/** The properties of audio that a header, a decoder or an option states. */
export interface AudioShape {
  channels: number;
  /** In Hz. */
  sampleRate: number;
}

/**
 * Checks the number of channels and the sample rate. Must be called before filter tables, channel arrays or seconds of output
 * are derived from them.
 * @throws Error if one is out of bounds
 */
export function checkShape({ channels, sampleRate }: AudioShape): void {
  const { min, max } = limits.sampleRate;
  if (!Number.isInteger(sampleRate) || sampleRate < min || sampleRate > max) {
    throw new Error(`the sample rate is ${sampleRate} Hz; ${min} to ${max} Hz are supported`);
  }
  if (!Number.isInteger(channels) || channels < 1 || channels > limits.channels.max) {
    throw new Error(`the number of channels is ${channels}; 1 to ${limits.channels.max} are supported`);
  }
}

/** Maximum length of a clip in seconds if no other limit is set: a day. */
const MAX_SECONDS = 86_400;
/** Length in seconds that a file of any size may have. */
const BASE_SECONDS = 3600;
/**
 * Additional length per byte. Silence compresses best: FLAC with the largest usual blocks takes 7 bytes per second at 8 kHz,
 * Opus 30.
 */
const SECONDS_PER_BYTE = 1 / 4;

/** Returns the maximum length, in seconds, of a clip of this many encoded bytes if no other limit is set. */
export function maxSecondsFor(bytes: number): number {
  return Math.min(MAX_SECONDS, Math.round(BASE_SECONDS + bytes * SECONDS_PER_BYTE));
}
