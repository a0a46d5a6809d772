import { Unsupported } from '../../decode-errors.js';
import type { Stretch } from '../audio-block.js';
import type { PacketStream } from './codecs/codec.js';

/** Frames of a stretch, at least, except for the last one. */
const FRAMES = 32_768;
/** Packets that may be damaged, of all: a few of a lossy transmission are skipped, as players do. */
const DAMAGED = 0.05;

/**
 * Decodes the packets of a stream, in stretches of some size, without what is not part of the clip.
 * @throws Unsupported; Error where more than a few packets are damaged
 */
export async function* decodePackets({
  codec,
  packets,
  skip = 0,
  length = Infinity,
}: PacketStream): AsyncIterable<Stretch> {
  const held = new Held();
  let [made, given, count, damaged] = [0, 0, 0, 0];
  const cut = (channels: Float32Array[], end: number, discard: number): Float32Array[] => {
    const size = channels[0]?.length ?? 0;
    const start = made;
    made += size;
    const from = Math.max(0, Math.min(size, skip - start));
    const room = Math.max(0, Math.min(size - discard, end - start) - from);
    const keep = Math.min(room, length - given);
    given += keep;
    return channels.map((channel) => channel.subarray(from, from + keep));
  };
  try {
    for (const { data, end = Infinity, discard = 0 } of packets) {
      if (given >= length) break;
      count++;
      let channels: Float32Array[];
      try {
        channels = await codec.decode(data);
      } catch (error) {
        if (error instanceof Unsupported) throw error;
        if ((error as Error).name === 'RuntimeError')
          throw new Error('it is damaged, and its decoder stopped', { cause: error });
        if (++damaged > count * DAMAGED && count > 20) throw error;
        continue;
      }
      const kept = cut(channels, end, discard);
      if (!held.fits(kept, codec.sampleRate)) yield held.take();
      held.add(kept, codec.sampleRate);
      if (held.size >= FRAMES) yield held.take();
    }
    if (damaged > count * DAMAGED) {
      throw new Error(`it is damaged: ${damaged} of its ${count} packets cannot be decoded`);
    }
    const rest = codec.finish === undefined ? [] : cut(codec.finish(), Infinity, 0);
    if (!held.fits(rest, codec.sampleRate)) yield held.take();
    held.add(rest, codec.sampleRate);
    if (held.size > 0) yield held.take();
  } finally {
    codec.free?.();
  }
}

/** Samples that wait until there is a stretch of them. */
class Held {
  size = 0;
  #parts: Float32Array[][] = [];
  #sampleRate = 0;

  /** Whether these are of the same rate and channels as what there is. */
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

  take(): Stretch {
    const channelData = this.#parts[0]!.map((_, channel) => {
      const whole = new Float32Array(this.size);
      let at = 0;
      for (const part of this.#parts) {
        whole.set(part[channel]!, at);
        at += part[channel]!.length;
      }
      return whole;
    });
    this.#parts = [];
    this.size = 0;
    return { channelData, sampleRate: this.#sampleRate };
  }
}
