import { checkShape } from '../../audio-limits.js';
import type { LinearAudio } from './linear-audio.js';

export interface BlockLayout {
  channels: number;
  /** In Hz. */
  sampleRate: number;
  /** Size of a block in bytes. */
  blockBytes: number;
  /** Returns the number of samples of each channel in this many bytes of a block. */
  framesIn: (bytes: number) => number;
  /** Number of samples of each channel. Further samples in the last blocks are padding. Default: all. */
  frames?: number | undefined;
}

/** Decodes a block into `out`. `follows` is true if the preceding block was the one decoded last. */
export type DecodeBlock = (block: Uint8Array, out: Float32Array[], follows: boolean) => void;

/**
 * Opens audio in blocks of a fixed size.
 * @param decoder returns the decoder of a block; called after the number of channels was checked
 * @throws Error if the layout is out of bounds
 */
export function inBlocks(
  bytes: Uint8Array,
  layout: BlockLayout,
  decoder: (channels: number) => DecodeBlock,
): LinearAudio {
  const { channels, sampleRate, blockBytes, framesIn } = layout;
  checkShape(layout);
  const blockFrames = framesIn(blockBytes);
  if (!(blockFrames >= 1)) throw new Error(`its blocks of ${blockBytes} bytes are too small for ${channels} channels`);
  const whole = Math.floor(bytes.length / blockBytes);
  const rest = Math.max(0, framesIn(bytes.length % blockBytes));
  const frames = Math.min(layout.frames ?? Infinity, whole * blockFrames + rest);
  const decode = decoder(channels);
  const block = Array.from({ length: channels }, () => new Float32Array(blockFrames));
  const blockAt = (index: number): Uint8Array => {
    const found = bytes.subarray(index * blockBytes, (index + 1) * blockBytes);
    if (found.length === blockBytes) return found;
    const padded = new Uint8Array(blockBytes); // the last block may be truncated
    padded.set(found);
    return padded;
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
