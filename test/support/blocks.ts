import type { AudioBlock } from '../../lib/audio/formats/audio-block.js';

/** What a decoder gave, by runs of one rate: the mean of the channels. */
export interface Run {
  sampleRate: number;
  channels: number;
  samples: Float32Array;
}

/** Decodes to the end. */
export async function collect(stretches: AsyncIterable<AudioBlock>): Promise<Run[]> {
  const runs: { sampleRate: number; channels: number; parts: Float32Array[] }[] = [];
  for await (const { channelData, sampleRate } of stretches) {
    const channels = channelData.length;
    const mean = Float32Array.from(
      channelData[0]!,
      (_, i) => channelData.reduce((sum, channel) => sum + channel[i]!, 0) / channels,
    );
    const last = runs.at(-1);
    if (last?.sampleRate === sampleRate && last.channels === channels) last.parts.push(mean);
    else runs.push({ sampleRate, channels, parts: [mean] });
  }
  return runs.map(({ parts, ...run }) => ({ ...run, samples: joined(parts) }));
}

function joined(parts: readonly Float32Array[]): Float32Array {
  const whole = new Float32Array(parts.reduce((size, part) => size + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
