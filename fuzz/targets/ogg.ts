import { decodeOgg } from '../../lib/audio/formats/encoded/containers/ogg.js';
import { decodeBounded } from '../blocks.js';
import { type FuzzTarget, filesIn } from '../target.js';

/** Ogg pages, chains and packets. */
export const target: FuzzTarget = {
  seeds: () => filesIn('test/fixtures', '.ogg', '.opus'),
  maxBytes: 32_768,
  dictionary: ['OggS', '\0\x02', 'OpusHead', 'OpusTags', '\x01vorbis', '\x05vorbis', '\x7fFLAC', 'Speex   '],
  fuzz: (data) => decodeBounded(data, decodeOgg),
};
