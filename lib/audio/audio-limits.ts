import { limits } from '../options/limits.js';

/** What a header, a decoder or an option says of audio. */
export interface AudioShape {
  channels: number;
  /** Hz. */
  sampleRate: number;
}

/**
 * Before anything is made of these numbers: tables of filters, arrays of channels and seconds of output follow from them.
 * @throws Error where one is out of bounds
 */
export function checkShape({ channels, sampleRate }: AudioShape): void {
  const { min, max } = limits.sampleRate;
  if (!Number.isInteger(sampleRate) || sampleRate < min || sampleRate > max) {
    throw new Error(`its sample rate is ${sampleRate} Hz, and ${min} to ${max} Hz can be decoded`);
  }
  if (!Number.isInteger(channels) || channels < 1 || channels > limits.channels.max) {
    throw new Error(`it has ${channels} channels, and 1 to ${limits.channels.max} can be decoded`);
  }
}

/** Seconds that a clip may have where nobody says: a day, and less where it unpacks to more than its bytes explain. */
const MOST_SECONDS = 86_400;
const SECONDS_OF_ANY = 3600;
/** Silence is the least: FLAC in its largest usual blocks takes 7 bytes a second at 8 kHz, Opus 30. */
const SECONDS_OF_BYTE = 1 / 4;

/** How much audio so many bytes may unpack to where no other limit was set. */
export function mostSeconds(bytes: number): number {
  return Math.min(MOST_SECONDS, Math.round(SECONDS_OF_ANY + bytes * SECONDS_OF_BYTE));
}
