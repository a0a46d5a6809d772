import { decodeOgg } from '../../lib/audio/formats/encoded/containers/ogg.js';
import { decodesBounded } from '../blocks.js';
import { type FuzzTarget, filesIn } from '../target.js';

/** Pages, links of a chain, and the packets in them. */
export const target: FuzzTarget = {
  seeds: () => filesIn('test/fixtures', '.ogg', '.opus'),
  maxBytes: 32_768,
  dictionary: ['OggS', '\0\x02', 'OpusHead', 'OpusTags', '\x01vorbis', '\x05vorbis', '\x7fFLAC', 'Speex   '],
  fuzz: (data) => decodesBounded(data, decodeOgg),
};
