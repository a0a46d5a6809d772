import { EmotionError } from '../shared/errors.js';

/**
 * The built-in decoders do not support this format or codec. It is the one error after which `decoder: 'auto'` tries ffmpeg; any
 * other error of a decoder means that the file is damaged.
 */
export class UnsupportedFormatError extends Error {
  /** @param format name of the format or codec; undefined if the format is not recognized */
  constructor(format: string | undefined) {
    super(format === undefined ? 'the format is not recognized' : `the built-in decoders do not support ${format}`);
    this.name = 'UnsupportedFormatError';
  }
}

/**
 * A decoder's module could not be loaded. The worker thread must be replaced, because Node does not retry a module whose first
 * import failed.
 */
export class DecoderLoadError extends EmotionError {}

/** Returns the error for a codec in a container of linear audio. */
export function unsupportedCodec(container: string, codec: string, bits: number): UnsupportedFormatError {
  return new UnsupportedFormatError(`${container} with codec ${codec}${bits > 0 ? ` (${bits} bits per sample)` : ''}`);
}
