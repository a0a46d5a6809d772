import type { AudioBlock } from '../lib/audio/formats/audio-block.js';
import { unlessMisuse } from './target.js';

/** Samples that an input may become before it is stopped: what the limit of a clip's length does. */
const MOST = 30_000_000;

/** What a decoder gives is whole: channels of one length, at a rate. Errors that it means are no findings. */
export async function decodesBounded(
  data: Buffer,
  decode: (bytes: Uint8Array) => AsyncIterable<AudioBlock>,
): Promise<void> {
  const before = Buffer.from(data);
  let samples = 0;
  await unlessMisuse(async () => {
    for await (const { channelData, sampleRate } of decode(data)) {
      const size = channelData[0]?.length ?? 0;
      if (!(sampleRate > 0)) throw new RangeError(`${sampleRate} Hz`);
      if (channelData.some(({ length }) => length !== size)) throw new RangeError('channels of different lengths');
      samples += size * channelData.length;
      if (samples > MOST) break;
    }
  });
  if (!before.equals(data)) throw new Error('the input was changed');
}
