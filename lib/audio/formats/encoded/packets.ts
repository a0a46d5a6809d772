import { concatFloats } from '../../../shared/concat.js';
import { UnsupportedFormatError } from '../../decode-errors.js';
import type { AudioBlock } from '../audio-block.js';
import type { PacketStream } from './codecs/codec.js';

/** Minimum number of frames in a block, except for the last one. */
const MIN_BLOCK_FRAMES = 32_768;
/** Maximum share of damaged packets. A few damaged packets of a lossy transmission are skipped, as in players. */
const MAX_DAMAGED = 0.05;

/**
 * Decodes the packets of a stream into blocks of a minimum size. Priming and padding samples are removed.
 * @throws UnsupportedFormatError; Error if more than a few packets are damaged
 */
export async function* decodePackets({
  codec,
  packets,
  skip = 0,
  length = Infinity,
}: PacketStream): AsyncIterable<AudioBlock> {
  const pending = new PendingBlock();
  let [made, yielded, count, damaged] = [0, 0, 0, 0];
  const trim = (channels: Float32Array[], end: number, discard: number): Float32Array[] => {
    const size = channels[0]?.length ?? 0;
    const start = made;
    made += size;
    const from = Math.max(0, Math.min(size, skip - start));
    const room = Math.max(0, Math.min(size - discard, end - start) - from);
    const keep = Math.min(room, length - yielded);
    yielded += keep;
    return channels.map((channel) => channel.subarray(from, from + keep));
  };
  try {
    for (const { data, end = Infinity, discard = 0 } of packets) {
      if (yielded >= length) break;
      count++;
      let channels: Float32Array[];
      try {
        channels = await codec.decode(data);
      } catch (error) {
        if (error instanceof UnsupportedFormatError) throw error;
        if ((error as Error).name === 'RuntimeError')
          throw new Error('it is damaged, and the decoder failed', { cause: error });
        if (++damaged > count * MAX_DAMAGED && count > 20) throw error;
        continue;
      }
      const kept = trim(channels, end, discard);
      if (!pending.fits(kept, codec.sampleRate)) yield pending.take();
      pending.add(kept, codec.sampleRate);
      if (pending.size >= MIN_BLOCK_FRAMES) yield pending.take();
    }
    if (damaged > count * MAX_DAMAGED) {
      throw new Error(`it is damaged: ${damaged} of its ${count} packets cannot be decoded`);
    }
    const rest = codec.finish === undefined ? [] : trim(codec.finish(), Infinity, 0);
    if (!pending.fits(rest, codec.sampleRate)) yield pending.take();
    pending.add(rest, codec.sampleRate);
    if (pending.size > 0) yield pending.take();
  } finally {
    codec.free?.();
  }
}

/** Collects samples until there are enough for a block. */
class PendingBlock {
  size = 0;
  #parts: Float32Array[][] = [];
  #sampleRate = 0;

  /** Returns whether these samples have the rate and the number of channels of those already collected. */
  fits(channels: Float32Array[], sampleRate: number): boolean {
    if (this.size === 0 || channels.length === 0 || channels[0]!.length === 0) return true;
    return this.#sampleRate === sampleRate && this.#parts[0]!.length === channels.length;
  }

  add(channels: Float32Array[], sampleRate: number): void {
    const size = channels[0]?.length ?? 0;
    if (size === 0) return;
    this.#parts.push(channels);
    this.#sampleRate = sampleRate;
    this.size += size;
  }

  take(): AudioBlock {
    const channelData = this.#parts[0]!.map((_, channel) => concatFloats(this.#parts.map((part) => part[channel]!)));
    this.#parts = [];
    this.size = 0;
    return { channelData, sampleRate: this.#sampleRate };
  }
}
