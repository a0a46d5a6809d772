import { decodeMp4 } from '../../lib/audio/formats/encoded/containers/mp4.js';
import { decodesBounded } from '../blocks.js';
import { type FuzzTarget, filesIn } from '../target.js';

/** Tables of where samples lie, fragments, AAC and ALAC. */
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
  fuzz: (data) => decodesBounded(data, decodeMp4),
};
