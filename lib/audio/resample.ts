import { nativeBinding } from '../native/binding.js';
import type { Pcm } from './pcm.js';

/** `pcm` at `rate`, with the numbers of torchaudio's default resampler. */
export async function resample(pcm: Pcm, rate: number): Promise<Pcm> {
  if (pcm.sampleRate === rate) return pcm;
  const binding = await nativeBinding();
  return { samples: await binding.resample(pcm.samples, pcm.sampleRate, rate), sampleRate: rate };
}
