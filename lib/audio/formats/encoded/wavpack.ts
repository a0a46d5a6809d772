import { Unsupported } from '../../failure.js';
import type { Stretch } from '../stretch.js';

const HEADER = 32;
/** Bytes of a block, at most: encoders write some hundred thousand. */
const BLOCK = 1 << 20;
/** Samples of a block, at most. */
const SAMPLES = 1 << 18;
const DSD = 1 << 31;

/** Decodes a WavPack file, block by block. Source: WavPack 4 & 5 Binary File / Block Format. */
export async function* decodeWavpack(bytes: Uint8Array, start: number): AsyncIterable<Stretch> {
  const { decoder } = await import('@audio/decode-wavpack');
  const wavpack = await decoder();
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  try {
    for (let at = start; at + HEADER <= bytes.length && view.getUint32(at) === 0x7776706b;) {
      const size = view.getUint32(at + 4, true) + 8;
      if (size < HEADER || size > BLOCK || view.getUint32(at + 20, true) > SAMPLES)
        throw new Error('a WavPack block is damaged');
      if ((view.getInt32(at + 24, true) & DSD) !== 0) throw new Unsupported('DSD in WavPack');
      if (at + size > bytes.length) return; // cut off
      const { channelData, sampleRate } = wavpack.decode(bytes.subarray(at, at + size));
      if (channelData.length > 0) yield { channelData, sampleRate };
      at += size;
    }
  } finally {
    wavpack.free();
  }
}
