import type { AudioBlock } from '../../lib/audio/formats/audio-block.js';
import { concatFloats } from '../../lib/shared/concat.js';

/** Consecutive blocks of one format. */
export interface Run {
  sampleRate: number;
  channels: number;
  /** The mean of the channels. */
  samples: Float32Array;
}

/** Decodes all blocks. */
export async function collect(blocks: AsyncIterable<AudioBlock>): Promise<Run[]> {
  const runs: { sampleRate: number; channels: number; parts: Float32Array[] }[] = [];
  for await (const { channelData, sampleRate } of blocks) {
    const channels = channelData.length;
    const mean = Float32Array.from(
      channelData[0]!,
      (_, i) => channelData.reduce((sum, channel) => sum + channel[i]!, 0) / channels,
    );
    const last = runs.at(-1);
    if (last?.sampleRate === sampleRate && last.channels === channels) last.parts.push(mean);
    else runs.push({ sampleRate, channels, parts: [mean] });
  }
  return runs.map(({ parts, ...run }) => ({ ...run, samples: concatFloats(parts) }));
}
