import type { SampleEncoding } from './formats/linear/samples.js';

/** What bytes without a header may hold. */
export const RAW_ENCODINGS = [
  'mulaw',
  'alaw',
  's8',
  'u8',
  's16le',
  's16be',
  's24le',
  's32le',
  'f32le',
] as const satisfies readonly SampleEncoding[];

/** What there is in bytes without a header: samples of all channels in turn. */
export interface RawFormat {
  encoding: (typeof RAW_ENCODINGS)[number];
  /** Hz. */
  sampleRate: number;
  channels: number;
}
