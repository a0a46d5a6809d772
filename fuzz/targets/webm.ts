import { decodeMatroska } from '../../lib/audio/formats/encoded/containers/matroska.js';
import { decodeBounded } from '../blocks.js';
import { type FuzzTarget, filesIn } from '../target.js';

/** Matroska elements, blocks and lacing. */
export const target: FuzzTarget = {
  seeds: () => filesIn('test/fixtures', '.webm', '.mkv'),
  maxBytes: 32_768,
  dictionary: [
    '\x1a\x45\xdf\xa3',
    '\x1f\x43\xb6\x75',
    '\xa3',
    '\xa0',
    'A_OPUS',
    'A_VORBIS',
    'A_AAC',
    'A_FLAC',
    'A_PCM/INT/LIT',
    '\x01\xff\xff\xff\xff\xff\xff\xff',
  ],
  fuzz: (data) => decodeBounded(data, decodeMatroska),
};
