import { checkShape } from '../../audio-limits.js';
import type { LinearAudio } from './linear-audio.js';

export interface BlockLayout {
  channels: number;
  /** Hz. */
  sampleRate: number;
  /** Bytes of a block. */
  blockBytes: number;
  /** Samples of each channel in so many bytes of a block. */
  framesIn: (bytes: number) => number;
  /** Samples of each channel; what the last blocks hold beyond them is filling. Default: all. */
  frames?: number | undefined;
}

/** Sets the samples of each channel in a block. `follows`: the block before it was the last one that was decoded. */
export type DecodeBlock = (block: Uint8Array, out: Float32Array[], follows: boolean) => void;

/**
 * Audio in blocks of a fixed size.
 * @param decoder is called once it is known that there may be so many channels
 * @throws Error where the layout is out of bounds
 */
export function inBlocks(
  bytes: Uint8Array,
  layout: BlockLayout,
  decoder: (channels: number) => DecodeBlock,
): LinearAudio {
  const { channels, sampleRate, blockBytes, framesIn } = layout;
  checkShape(layout);
  const blockFrames = framesIn(blockBytes);
  if (!(blockFrames >= 1)) throw new Error(`its blocks have ${blockBytes} bytes, too few for ${channels} channels`);
  const whole = Math.floor(bytes.length / blockBytes);
  const rest = Math.max(0, framesIn(bytes.length % blockBytes));
  const frames = Math.min(layout.frames ?? Infinity, whole * blockFrames + rest);
  const decode = decoder(channels);
  const block = Array.from({ length: channels }, () => new Float32Array(blockFrames));
  const blockAt = (index: number): Uint8Array => {
    const there = bytes.subarray(index * blockBytes, (index + 1) * blockBytes);
    if (there.length === blockBytes) return there;
    const filled = new Uint8Array(blockBytes); // the last one may be cut off
    filled.set(there);
    return filled;
  };
  let decoded = -1;
  const read = (start: number, end: number): Float32Array[] => {
    const out = block.map(() => new Float32Array(end - start));
    for (let index = Math.floor(start / blockFrames); index * blockFrames < end; index++) {
      if (index !== decoded) {
        decode(blockAt(index), block, index > 0 && index === decoded + 1);
        decoded = index;
      }
      const first = index * blockFrames;
      const [from, to] = [Math.max(0, start - first), Math.min(blockFrames, end - first)];
      out.forEach((samples, channel) => samples.set(block[channel]!.subarray(from, to), first + from - start));
    }
    return out;
  };
  return { sampleRate, frames, read };
}
