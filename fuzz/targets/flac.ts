import { decodeFlac } from '../../lib/audio/formats/encoded/codecs/flac.js';
import { decodeBounded } from '../blocks.js';
import { type FuzzTarget, filesIn } from '../target.js';

/** FLAC frames. */
export const target: FuzzTarget = {
  seeds: () => filesIn('test/fixtures', '.flac'),
  maxBytes: 32_768,
  dictionary: ['fLaC', '\xff\xf8', '\xff\xf9', '\0\0\0\x22', 'ID3'],
  fuzz: (data) => decodeBounded(data, decodeFlac),
};
