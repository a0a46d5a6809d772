import { UnsupportedFormatError } from '../../decode-errors.js';
import type { AudioBlock } from '../audio-block.js';
import { type EncodedFormat, identify } from '../identify.js';
import { decodeAmr } from './codecs/amr.js';
import { decodeFlac } from './codecs/flac.js';
import { decodeMp3 } from './codecs/mp3.js';
import { decodeWavpack } from './codecs/wavpack.js';
import { decodeAdts } from './containers/adts.js';
import { decodeMatroska } from './containers/matroska.js';
import { decodeMp4 } from './containers/mp4.js';
import { decodeOgg } from './containers/ogg.js';

/** The decoder of each format. `start` is the position of the format's first byte. */
const DECODERS: Record<EncodedFormat, (bytes: Uint8Array, start: number) => AsyncIterable<AudioBlock>> = {
  adts: (bytes, start) => decodeAdts(bytes, start),
  amr: (bytes, start) => decodeAmr(bytes.subarray(start)),
  flac: (bytes, start) => decodeFlac(bytes.subarray(start)),
  matroska: (bytes, start) => decodeMatroska(bytes.subarray(start)),
  mp4: (bytes, start) => decodeMp4(bytes.subarray(start)),
  mpeg: (bytes) => decodeMp3(bytes),
  ogg: (bytes, start) => decodeOgg(bytes.subarray(start)),
  wavpack: (bytes, start) => decodeWavpack(bytes, start),
};

/**
 * Decodes compressed audio block by block.
 * @throws UnsupportedFormatError if the format or codec is not supported, possibly after some blocks; Error if the file is damaged
 */
export async function* decodeEncoded(bytes: Uint8Array): AsyncIterable<AudioBlock> {
  const { format, name, start } = identify(bytes);
  if (format === undefined) throw new UnsupportedFormatError(name);
  yield* DECODERS[format](bytes, start);
}
