import { wavHeader } from '../../audio/write/wav-header.js';

export const CLIP_SECONDS = 3;
const RATE = 16_000;

/** Returns a WAV file with vowel-like sounds in syllables. The doctor checks that it is recognized, not which emotion it gets. */
export function syntheticClip(): Uint8Array {
  const samples = new Float32Array(CLIP_SECONDS * RATE);
  let phase = 0;
  for (let i = 0; i < samples.length; i++) {
    const t = i / RATE;
    const pitch = 150 + 30 * Math.sin(2 * Math.PI * 0.7 * t) + 4 * Math.sin(2 * Math.PI * 5 * t); // Hz
    phase += (2 * Math.PI * pitch) / RATE;
    const loudness = Math.max(0, Math.sin(2 * Math.PI * 2 * t)); // four syllables in two seconds
    let sample = 0;
    for (let harmonic = 1; harmonic <= 20; harmonic++) {
      sample += (formants(harmonic * pitch) * Math.sin(harmonic * phase)) / harmonic;
    }
    samples[i] = 0.2 * loudness * sample;
  }
  return Buffer.concat([wavHeader(samples.length, RATE), new Uint8Array(samples.buffer)]);
}

/** Returns the amplitude of a vowel like "ah" at a frequency. */
function formants(hertz: number): number {
  return [700, 1200, 2600].reduce((sum, peak) => sum + 1 / (1 + ((hertz - peak) / 150) ** 2), 0.05);
}
