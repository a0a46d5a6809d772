import { decodeMp4 } from '../../lib/audio/formats/encoded/containers/mp4.js';
import { decodeBounded } from '../blocks.js';
import { type FuzzTarget, filesIn } from '../target.js';

/** MP4 sample tables, fragments, AAC and ALAC. */
export const target: FuzzTarget = {
  seeds: () => filesIn('test/fixtures', '.m4a', '.mp4', '.mov'),
  maxBytes: 32_768,
  dictionary: [
    'ftyp',
    'moov',
    'mdat',
    'trak',
    'stbl',
    'stsd',
    'stsz',
    'stco',
    'co64',
    'stsc',
    'elst',
    'esds',
    'moof',
    'traf',
    'trun',
    'alac',
    'Opus',
    'fLaC',
    '\xff\xff\xff\xff',
  ],
  fuzz: (data) => decodeBounded(data, decodeMp4),
};
