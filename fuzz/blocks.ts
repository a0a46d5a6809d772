import type { AudioBlock } from '../lib/audio/formats/audio-block.js';
import { allowDeliberateErrors } from './target.js';

/** Number of samples after which decoding stops. In the library, the maximum length of a clip stops it. */
const MAX_SAMPLES = 30_000_000;

/**
 * Checks that the blocks of a decoder are valid: their channels have one length, and their rate is positive. Errors that a decoder
 * throws deliberately are not findings.
 */
export async function decodeBounded(
  data: Buffer,
  decode: (bytes: Uint8Array) => AsyncIterable<AudioBlock>,
): Promise<void> {
  const before = Buffer.from(data);
  let samples = 0;
  await allowDeliberateErrors(async () => {
    for await (const { channelData, sampleRate } of decode(data)) {
      const size = channelData[0]?.length ?? 0;
      if (!(sampleRate > 0)) throw new RangeError(`${sampleRate} Hz`);
      if (channelData.some(({ length }) => length !== size)) throw new RangeError('channels of different lengths');
      samples += size * channelData.length;
      if (samples > MAX_SAMPLES) break;
    }
  });
  if (!before.equals(data)) throw new Error('the input was changed');
}
