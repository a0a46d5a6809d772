import { Unsupported } from '../../../decode-errors.js';
import type { Stretch } from '../../audio-block.js';

const HEADER = 32;
/** Bytes of a block, at most: encoders write some hundred thousand. */
const BLOCK = 1 << 20;
/** Samples of a block, at most. */
const SAMPLES = 1 << 18;
/** Bytes of blocks that belong together, at most. */
const GROUP = 1 << 24;
const FINAL = 1 << 12;
const DSD = 1 << 31;

/** Decodes a WavPack file, block by block. Source: WavPack 4 & 5 Binary File / Block Format. */
export async function* decodeWavpack(bytes: Uint8Array, start: number): AsyncIterable<Stretch> {
  const { decoder } = await import('@audio/decode-wavpack');
  const wavpack = await decoder();
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  try {
    let begin = start; // of the blocks that belong together: each holds one or two channels
    for (let at = start; at + HEADER <= bytes.length && view.getUint32(at) === 0x7776706b;) {
      const [size, flags] = [view.getUint32(at + 4, true) + 8, view.getInt32(at + 24, true)];
      if (size < HEADER || size > BLOCK || view.getUint32(at + 20, true) > SAMPLES) {
        throw new Error('a WavPack block is damaged');
      }
      if ((flags & DSD) !== 0) throw new Unsupported('DSD in WavPack');
      if (at + size > bytes.length) return; // cut off
      at += size;
      if ((flags & FINAL) === 0 && at - begin < GROUP) continue;
      const { channelData, sampleRate } = wavpack.decode(bytes.subarray(begin, at));
      if (channelData.length > 0) yield { channelData, sampleRate };
      begin = at;
    }
  } finally {
    wavpack.free();
  }
}
