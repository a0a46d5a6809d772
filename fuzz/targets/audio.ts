import { statSync } from 'node:fs';

import { openAudio } from '../../lib/audio/formats/open.js';
import { MonoAudio } from '../../lib/audio/mono-audio.js';
import { firstNotFinite } from '../../lib/audio/pcm.js';
import { type FuzzTarget, filesIn, allowDeliberateErrors } from '../target.js';

/** Maximum length of a clip, as on a server. */
const MAX_SECONDS = 600;
const RATE = 16_000;
/** Maximum length of an input. Changes in a longer one would hardly ever affect its header. */
const MAX_BYTES = 32_768;

const DICTIONARY =
  'RIFF,WAVE,fmt ,data,OggS,fLaC,ID3,Xing,Info,ftyp,moov,mdat,stsz,stco,esds,FORM,AIFF,AIFC,COMM,SSND,caff,desc,.snd,OpusHead,vorbis';

/** Any bytes, decoded as in a decoding thread. */
export const target: FuzzTarget = {
  seeds: () => ['test/fixtures', '../shared/cases/audio'].flatMap((folder) => filesIn(folder)).filter(isSmall),
  maxBytes: MAX_BYTES,
  dictionary: [...DICTIONARY.split(','), '\x1a\x45\xdf\xa3', '\xff\xfb', '#!AMR\n'],
  instrument: ['node_modules/@audio/', 'node_modules/audio-type/'],
  fuzz: decodeWhole,
};

/** Checks that the bytes are rejected, or decoded to finite samples of the stated length. */
export async function decodeWhole(data: Buffer): Promise<void> {
  const audio = new MonoAudio('The clip', MAX_SECONDS, RATE);
  const whole = await allowDeliberateErrors(async () => {
    const { expected, blocks } = openAudio(data, 'The clip');
    if (expected !== undefined) audio.checkLength(expected.frames, expected.sampleRate);
    for await (const { channelData, sampleRate } of blocks) audio.append(channelData, sampleRate);
    return true;
  });
  if (whole === undefined) return;
  const { pcm, duration } = audio.finish();
  const bad = firstNotFinite(pcm.samples);
  if (bad >= 0) throw new Error(`sample ${bad} is ${pcm.samples[bad]}`);
  if (Math.abs(pcm.samples.length - duration * RATE) > 1) {
    throw new Error(`${pcm.samples.length} samples of ${duration} s`);
  }
}

function isSmall(file: string): boolean {
  const stats = statSync(file);
  return stats.isFile() && stats.size <= MAX_BYTES && !file.endsWith('.json');
}
