import { readLinear } from '../../lib/audio/formats/linear/read.js';
import { type FuzzTarget, filesIn, allowDeliberateErrors } from '../target.js';

const BLOCK_FRAMES = 65_536;
const DICTIONARY =
  'RIFF,RIFX,RF64,BW64,WAVE,ds64,fmt ,data,fact,FORM,AIFF,AIFC,COMM,SSND,sowt,raw ,in24,fl32,FL64,ulaw,ima4,caff,desc,pakt,kuki,' +
  'lpcm,alac,.snd,dns.,NIST_1A\n   1024\n,sample_rate -i ,sample_coding -s,Creative Voice File\x1a';

const header = (text: string): Buffer => Buffer.from(text.padEnd(1100, '\0'), 'latin1');

/** All readers of uncompressed formats: WAV and its variants, AIFF, CAF, AU, SPHERE, VOC, IRCAM. */
export const target: FuzzTarget = {
  seeds: () => [
    ...['test/fixtures', '../shared/cases/audio'].flatMap((folder) => filesIn(folder, '.wav', '.aiff', '.au', '.caf')),
    header('NIST_1A\n   1024\nsample_rate -i 16000\nsample_n_bytes -i 2\nend_head\n'),
    header('Creative Voice File\x1a\x1a\0\x14\x01\x1f\x11\x01\x40\0\0\x83\0'),
    header('\x64\xa3\x01\0\0\0zF\x01\0\0\0\x02\0\0\0'),
    header(
      'caff\0\x01\0\0desc\0\0\0\0\0\0\0\x20@\xcf@\0\0\0\0\0lpcm\0\0\0\0\0\0\0\x02\0\0\0\x01\0\0\0\x01\0\0\0\x10data\xff\xff\xff\xff\xff\xff\xff\xff',
    ),
  ],
  dictionary: [...DICTIONARY.split(','), '\xfe\xff', '\x01\x00\x01\x00', '\x11\x00', '\xff\xff\xff\xff'],
  async fuzz(data) {
    const audio = await allowDeliberateErrors(() => readLinear(data));
    if (audio === undefined) return;
    if ('codec' in audio) {
      if (audio.codec === 'mp3') return;
      let size = 0;
      for (const packet of audio.packets) size += packet.data.length;
      if (size > data.length) throw new Error(`${size} bytes of packets in ${data.length}`);
      return;
    }
    if (audio.frames > 8 * data.length) throw new Error(`${audio.frames} samples in ${data.length} bytes`);
    for (let start = 0; start < audio.frames; start += BLOCK_FRAMES) {
      const end = Math.min(audio.frames, start + BLOCK_FRAMES);
      for (const channel of audio.read(start, end)) {
        if (channel.length !== end - start) throw new Error(`${channel.length} samples of ${end - start}`);
      }
    }
  },
};
