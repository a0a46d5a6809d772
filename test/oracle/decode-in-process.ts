import { decodeAudio } from '../../lib/audio/decode.js';
import type { Decode } from './measure.js';

export const decodeInProcess: Decode = async (file, options) => {
  const { pcm, lease } = await decodeAudio(file, options);
  lease.release();
  return pcm;
};
