import { UnsupportedFormatError } from '../../../decode-errors.js';
import type { Codec } from './codec.js';

/** Opus is always decoded at this rate, regardless of the sample rate of its source. */
const RATE = 48_000;

/** The identification header of a stream: its first packet in Ogg, or its equivalent in another container. */
export interface OpusHead {
  channels: number;
  /** Number of priming samples at the start. */
  preSkip: number;
  /** Gain in 256ths of a decibel, which is applied to the output. */
  outputGain: number;
  streams: number;
  coupled: number;
  /** For each output channel, the index of the decoded channel; 255 stands for silence. */
  mapping: number[];
}

/**
 * Reads an identification header. Source: RFC 7845, 5.1.
 * @throws Error if it is invalid
 */
export function readOpusHead(head: Uint8Array): OpusHead {
  if (head.length < 19 || head[8]! >> 4 !== 0) throw new Error('the Opus header is truncated or of an unknown version');
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
  return readLayout(head, {
    channels: head[9]!,
    preSkip: view.getUint16(10, true),
    outputGain: view.getInt16(16, true),
  });
}

/**
 * Reads the `dOps` box of an MP4, the big-endian equivalent of the identification header, without its magic. Source:
 * Encapsulation of Opus in ISOBMFF, 4.3.2.
 */
export function readOpusBox(box: Uint8Array): OpusHead {
  if (box.length < 11) throw new Error('the Opus header is truncated');
  const view = new DataView(box.buffer, box.byteOffset, box.byteLength);
  const whole = { channels: box[1]!, preSkip: view.getUint16(2), outputGain: view.getInt16(8) };
  return readLayout(new Uint8Array([...new Uint8Array(8), ...box]), whole); // moves the mapping to its offset in the Ogg header
}

function readLayout(head: Uint8Array, known: { channels: number; preSkip: number; outputGain: number }): OpusHead {
  const { channels } = known;
  const family = head[18]!;
  if (family === 0) {
    if (channels < 1 || channels > 2) throw new Error(`the Opus header states ${channels} channels`);
    return { ...known, streams: 1, coupled: channels - 1, mapping: [0, 1].slice(0, channels) };
  }
  if (family > 1 && family !== 255) throw new UnsupportedFormatError(`Opus with channel mapping family ${family}`);
  const [streams, coupled] = [head[19]!, head[20]!];
  const mapping = [...head.subarray(21, 21 + channels)];
  const outOfRange = mapping.some((stream) => stream >= streams + coupled && stream !== 255);
  if (
    channels < 1 ||
    mapping.length < channels ||
    streams < 1 ||
    coupled > streams ||
    streams + coupled > 255 ||
    outOfRange
  ) {
    throw new Error('the Opus header is invalid');
  }
  return { ...known, streams, coupled, mapping };
}

export async function openOpus(head: OpusHead): Promise<Codec> {
  const { createOpusDecoder } = await import('@audio/decode-opus/core');
  const { channels, streams, coupled, mapping, outputGain } = head;
  const decoder = await createOpusDecoder();
  const layout = { channels, streamCount: streams, coupledStreamCount: coupled, channelMappingTable: mapping };
  decoder.configure({ ...layout, sampleRate: RATE, preSkip: 0, outputGain });
  return {
    sampleRate: RATE,
    decode: (packet) => {
      if (packet.length === 0) return [];
      const { channelData, errors } = decoder.decodeFrames([packet]);
      if (errors.length > 0) throw new Error('an Opus packet is damaged');
      return channelData;
    },
    free: () => decoder.free(),
  };
}
