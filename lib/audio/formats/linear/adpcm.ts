import type { DecodeBlock } from './block-codec.js';

/** Step sizes. Source: IMA Digital Audio Focus and Technical Working Groups, Recommended Practices 3.00. */
const IMA_STEPS = Int32Array.of(
  ...[7, 8, 9, 10, 11, 12, 13, 14, 16, 17, 19, 21, 23, 25, 28, 31, 34, 37, 41, 45, 50, 55, 60, 66, 73, 80, 88, 97, 107],
  ...[
    118, 130, 143, 157, 173, 190, 209, 230, 253, 279, 307, 337, 371, 408, 449, 494, 544, 598, 658, 724, 796, 876, 963,
  ],
  ...[1060, 1166, 1282, 1411, 1552, 1707, 1878, 2066, 2272, 2499, 2749, 3024, 3327, 3660, 4026, 4428, 4871, 5358, 5894],
  ...[6484, 7132, 7845, 8630, 9493, 10442, 11487, 12635, 13899, 15289, 16818, 18500, 20350, 22385, 24623, 27086, 29794],
  32767,
);
const IMA_INDEX = Int32Array.of(-1, -1, -1, -1, 2, 4, 6, 8);

const clamp16 = (value: number): number => Math.max(-32768, Math.min(32767, value));

class ImaChannel {
  sample = 0;
  index = 0;

  set(sample: number, index: number): void {
    this.sample = sample;
    this.index = Math.min(index, IMA_STEPS.length - 1);
  }

  /** Decodes a code of four bits to a sample within -1..1. */
  next(code: number): number {
    const step = IMA_STEPS[this.index]!;
    let change = step >> 3;
    if (code & 4) change += step;
    if (code & 2) change += step >> 1;
    if (code & 1) change += step >> 2;
    this.sample = clamp16(this.sample + (code & 8 ? -change : change));
    this.index = Math.max(0, Math.min(IMA_STEPS.length - 1, this.index + IMA_INDEX[code & 7]!));
    return this.sample / 32768;
  }
}

/** Number of frames in a block: one in the header, and eight in each word of four bytes. */
export const imaWavFrames = (bytes: number, channels: number): number =>
  8 * Math.floor((bytes - 4 * channels) / (4 * channels)) + 1;

/** WAVE_FORMAT_DVI_ADPCM. A block contains a sample and an index for each channel, then words of eight codes for each channel. */
export function imaWav(channels: number): DecodeBlock {
  const states = Array.from({ length: channels }, () => new ImaChannel());
  return (block, out) => {
    const view = new DataView(block.buffer, block.byteOffset, block.byteLength);
    states.forEach((state, channel) => {
      state.set(view.getInt16(4 * channel, true), view.getUint8(4 * channel + 2));
      const samples = out[channel]!;
      samples[0] = state.sample / 32768;
      for (let i = 1, at = 4 * (channels + channel); i < samples.length; at += 4 * channels) {
        for (let byte = at; byte < at + 4; byte++) {
          samples[i++] = state.next(block[byte]! & 15);
          samples[i++] = state.next(block[byte]! >> 4);
        }
      }
    });
  };
}

/** Bytes and samples in a channel's packet of Apple's ima4. */
const QT = { bytes: 34, frames: 64 };

export const imaQuickTimeBytes = (channels: number): number => QT.bytes * channels;

/** Number of frames in whole packets. */
export const imaQuickTimeFrames = (bytes: number, channels: number): number =>
  QT.frames * Math.floor(bytes / imaQuickTimeBytes(channels));

/**
 * Apple's ima4: a packet of 64 samples for each channel in order. The header of a packet contains the upper nine bits of the
 * previous sample.
 */
export function imaQuickTime(channels: number): DecodeBlock {
  const states = Array.from({ length: channels }, () => new ImaChannel());
  return (block, out, follows) => {
    states.forEach((state, channel) => {
      const at = channel * QT.bytes;
      const head = (block[at]! << 8) | block[at + 1]!;
      const [sample, index] = [((head & 0xff80) << 16) >> 16, head & 0x7f];
      // The lower bits are known if the previous packet ended with a sample that agrees in the upper ones, as in ffmpeg.
      if (!follows || index !== state.index || Math.abs(sample - state.sample) > 0x7f) state.set(sample, index);
      const samples = out[channel]!;
      for (let i = 0; i < QT.frames; i += 2) {
        const byte = block[at + 2 + i / 2]!;
        samples[i] = state.next(byte & 15);
        samples[i + 1] = state.next(byte >> 4);
      }
    });
  };
}

/** Microsoft's standard predictors: weights of the previous sample and of the one before it. */
const MS_WEIGHTS = [
  [256, 0],
  [512, -256],
  [0, 0],
  [192, 64],
  [240, 0],
  [460, -208],
  [392, -232],
] as const;
const MS_STEPS = Int32Array.of(230, 230, 230, 230, 307, 409, 512, 614, 768, 614, 512, 409, 307, 230, 230, 230);

/** Number of frames in a block: two in the header, then one for every four bits of each channel. */
export const msFrames = (bytes: number, channels: number): number =>
  Math.floor((2 * (bytes - 7 * channels)) / channels) + 2;

/** WAVE_FORMAT_ADPCM. */
export function msAdpcm(channels: number): DecodeBlock {
  return (block, out) => {
    const view = new DataView(block.buffer, block.byteOffset, block.byteLength);
    const states = out.map((samples, channel) => {
      const at = channels + 2 * channel;
      const [delta, last, before] = [0, 1, 2].map((i) => view.getInt16(at + 2 * i * channels, true));
      samples[0] = before! / 32768;
      samples[1] = last! / 32768;
      return { weights: MS_WEIGHTS[Math.min(block[channel]!, 6)]!, delta: delta!, last: last!, before: before! };
    });
    const codes = 2 * (block.length - 7 * channels);
    for (let i = 0; i < codes; i++) {
      const byte = block[7 * channels + (i >> 1)]!;
      const code = i % 2 === 0 ? byte >> 4 : byte & 15;
      const [state, samples] = [states[i % channels]!, out[i % channels]!];
      const at = 2 + Math.floor(i / channels);
      if (at >= samples.length) break;
      const predicted = (state.last * state.weights[0] + state.before * state.weights[1]) >> 8;
      const sample = clamp16(predicted + (code & 8 ? code - 16 : code) * state.delta);
      state.before = state.last;
      state.last = sample;
      state.delta = Math.min(2 ** 21, Math.max(16, (MS_STEPS[code]! * state.delta) >> 8));
      samples[at] = sample / 32768;
    }
  };
}
