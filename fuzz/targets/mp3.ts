import { decodeMp3, missingFromMp3 } from '../../lib/audio/formats/encoded/codecs/mp3.js';
import { type FuzzTarget, filesIn } from '../target.js';
import { decodeBounded } from '../blocks.js';

/** MPEG audio frames, and the tags and other data around them. */
export const target: FuzzTarget = {
  seeds: () => [...filesIn('test/fixtures', '.mp3'), ...filesIn('../shared/cases/audio', '.mp3')],
  maxBytes: 32_768,
  dictionary: [
    'ID3',
    'TAG',
    'APETAGEX',
    'LYRICSBEGIN',
    'Xing',
    'Info',
    'VBRI',
    'LAME',
    'ICY 200 OK\r\n',
    'icy-metaint:',
    '\xff\xfb\x90',
    '\xff\xf3',
  ],
  async fuzz(data) {
    missingFromMp3(data);
    await decodeBounded(data, (bytes) => decodeMp3(bytes));
  },
};
