import { readWav } from '../../lib/audio/formats/linear/wav.js';
import { type FuzzTarget, filesIn, allowDeliberateErrors } from '../target.js';

const BLOCK_FRAMES = 65_536;

export const target: FuzzTarget = {
  seeds: () => [...filesIn('test/fixtures', '.wav'), ...filesIn('../shared/cases/audio', '.wav')],
  dictionary: ['RIFF', 'WAVE', 'fmt ', 'data', 'fact', 'LIST', '\xfe\xff', '\x01\x00\x01\x00', '\xff\xff\xff\xff'],
  async fuzz(data) {
    const wav = await allowDeliberateErrors(() => readWav(data));
    if (wav === undefined || 'codec' in wav) return;
    for (let start = 0; start < wav.frames; start += BLOCK_FRAMES) {
      const end = Math.min(wav.frames, start + BLOCK_FRAMES);
      for (const channel of wav.read(start, end)) {
        if (channel.length !== end - start) throw new Error(`${channel.length} samples of ${end - start}`);
      }
    }
  },
};
