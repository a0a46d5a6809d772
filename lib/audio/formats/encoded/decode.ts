import { Unsupported } from '../../decode-errors.js';
import { type EncodedFormat, identify } from '../identify.js';
import type { Stretch } from '../audio-block.js';
import { decodeAdts } from './containers/adts.js';
import { decodeAmr } from './codecs/amr.js';
import { decodeFlac } from './codecs/flac.js';
import { decodeMatroska } from './containers/matroska.js';
import { decodeMp3 } from './codecs/mp3.js';
import { decodeMp4 } from './containers/mp4.js';
import { decodeOgg } from './containers/ogg.js';
import { decodeWavpack } from './codecs/wavpack.js';

/** Each format's decoder: of bytes, from where the format begins. */
const DECODERS: Record<EncodedFormat, (bytes: Uint8Array, start: number) => AsyncIterable<Stretch>> = {
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
 * Decodes what is compressed, a stretch at a time.
 * @throws Unsupported where nothing here reads it, which may show in the middle; Error where it is broken
 */
export async function* decodeEncoded(bytes: Uint8Array): AsyncIterable<Stretch> {
  const { format, name, start } = identify(bytes);
  if (format === undefined) throw new Unsupported(name === undefined ? 'its format is not known' : `it is ${name}`);
  yield* DECODERS[format](bytes, start);
}
