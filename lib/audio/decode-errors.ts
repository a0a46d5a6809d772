import { EmotionError } from '../shared/errors.js';

/**
 * The built-in decoders do not support this format or codec. It is the one error after which `decoder: 'auto'` tries ffmpeg; any
 * other error of a decoder means that the file is damaged.
 */
export class UnsupportedFormatError extends Error {
  /** @param format name of the format or codec; omitted if the format is not recognized */
  constructor(format?: string) {
    super(format === undefined ? 'the format is not recognized' : `${format} is not supported`);
    this.name = 'UnsupportedFormatError';
  }
}

/**
 * A decoder's module could not be loaded. The worker thread must be replaced, because Node does not retry a module whose first
 * import failed.
 */
export class DecoderLoadError extends EmotionError {}
