/** Samples of each channel in a frame. */
export const FRAME_LENGTH = 1024;
/** Spectral coefficients of each of the eight short windows in a frame. */
export const SHORT_LENGTH = 128;

/** Sequence of windows in a frame. */
export const SEQUENCE = { long: 0, longStart: 1, eightShort: 2, longStop: 3 } as const;
export type WindowSequence = (typeof SEQUENCE)[keyof typeof SEQUENCE];

/** Maximum number of scale factor bands in a window group. Per-band arrays have this many entries for each group. */
export const MAX_BANDS = 64;

/** Code books that have a special meaning. */
export const NOISE_BOOK = 13;
export const INTENSITY_BOOK = { opposite: 14, same: 15 };

export interface WindowInfo {
  sequence: WindowSequence;
  /** Index of the window shape: 0 sine, 1 Kaiser-Bessel derived. */
  shape: number;
  /** Number of scale factor bands that are transmitted. */
  bands: number;
  /** Number of windows in each group. The windows of a group share their scale factors. */
  groups: number[];
  /** Start of each scale factor band in spectral coefficients, and the end of the last one. */
  offsets: Uint16Array;
}

/** A filter of temporal noise shaping (TNS). */
export interface NoiseFilter {
  /** The coefficients of the spectrum that are filtered. `end` is exclusive. */
  start: number;
  end: number;
  backwards: boolean;
  coefficients: Float64Array;
}

/** The data of one channel in a frame. */
export interface ChannelData {
  info: WindowInfo;
  /** Code book of each band of each group. */
  books: Uint8Array;
  /** Scale factor of each band of each group. */
  scales: Int16Array;
  spectrum: Float64Array;
  filters: NoiseFilter[];
}
