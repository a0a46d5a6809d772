/** Of clips however they come: files, streams and raw samples. */
export const audioLimits = {
  /** Hz: no speech is below, no converter above. */
  sampleRate: { min: 1000, max: 768_000 },
  /** Ambisonics of the seventh order has the most. */
  channels: { min: 1, max: 64 },
} as const;

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
  const { min, max } = audioLimits.sampleRate;
  if (!Number.isInteger(sampleRate) || sampleRate < min || sampleRate > max) {
    throw new Error(`its sample rate is ${sampleRate} Hz, and ${min} to ${max} Hz can be decoded`);
  }
  if (!Number.isInteger(channels) || channels < 1 || channels > audioLimits.channels.max) {
    throw new Error(`it has ${channels} channels, and 1 to ${audioLimits.channels.max} can be decoded`);
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
