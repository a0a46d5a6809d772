import { UnsupportedFormatError } from '../../../decode-errors.js';
import type { AudioBlock } from '../../audio-block.js';

const HEADER = 32;
/** Maximum size of a block in bytes. Encoders write some hundred thousand. */
const MAX_BLOCK_BYTES = 1 << 20;
/** Maximum number of samples in a block. */
const MAX_BLOCK_SAMPLES = 1 << 18;
/** Maximum size in bytes of the blocks that contain the channels of one time span. */
const MAX_GROUP_BYTES = 1 << 24;
/** Flags of a block: the last one of its group; DSD audio. */
const FINAL = 1 << 12;
const DSD = 1 << 31;

/** Decodes a WavPack file, block by block. Source: WavPack 4 & 5 Binary File / Block Format. */
export async function* decodeWavpack(bytes: Uint8Array, start: number): AsyncIterable<AudioBlock> {
  const { decoder } = await import('@audio/decode-wavpack');
  const wavpack = await decoder();
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  try {
    let begin = start; // start of the current group of blocks: each block contains one or two channels
    for (let at = start; at + HEADER <= bytes.length && view.getUint32(at) === 0x7776706b;) {
      const [size, flags] = [view.getUint32(at + 4, true) + 8, view.getInt32(at + 24, true)];
      if (size < HEADER || size > MAX_BLOCK_BYTES || view.getUint32(at + 20, true) > MAX_BLOCK_SAMPLES) {
        throw new Error('a WavPack block is damaged');
      }
      if ((flags & DSD) !== 0) throw new UnsupportedFormatError('DSD in WavPack');
      if (at + size > bytes.length) return; // truncated
      at += size;
      if ((flags & FINAL) === 0 && at - begin < MAX_GROUP_BYTES) continue;
      const { channelData, sampleRate } = wavpack.decode(bytes.subarray(begin, at));
      if (channelData.length > 0) yield { channelData, sampleRate };
      begin = at;
    }
  } finally {
    wavpack.free();
  }
}
