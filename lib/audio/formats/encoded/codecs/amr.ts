import { UnsupportedFormatError } from '../../../decode-errors.js';
import type { AudioBlock } from '../../audio-block.js';
import { decodePackets } from '../packets.js';
import type { Codec, Packet } from './codec.js';

/** Size in bytes of a frame of each type, including its first byte. Source: RFC 4867, 5.3; 3GPP TS 26.101 and 26.201. */
const SIZES = {
  narrow: [13, 14, 16, 18, 20, 21, 27, 32, 6, 0, 0, 0, 0, 0, 1, 1],
  wide: [18, 24, 33, 37, 41, 47, 51, 59, 61, 6, 0, 0, 0, 0, 1, 1],
};
const MAGIC = { narrow: '#!AMR\n', wide: '#!AMR-WB\n' };

/** Decodes a mono AMR file. Source: RFC 4867, 5. */
export async function* decodeAmr(bytes: Uint8Array): AsyncIterable<AudioBlock> {
  const start = String.fromCharCode(...bytes.subarray(0, 12));
  const band = start.startsWith(MAGIC.wide) ? 'wide' : start.startsWith(MAGIC.narrow) ? 'narrow' : undefined;
  if (band === undefined) throw new UnsupportedFormatError('multichannel AMR');
  yield* decodePackets({
    codec: await openAmr(band === 'wide'),
    packets: frames(bytes, MAGIC[band].length, SIZES[band]),
  });
}

function* frames(bytes: Uint8Array, at: number, sizes: readonly number[]): Iterable<Packet> {
  while (at < bytes.length) {
    const size = sizes[(bytes[at]! >> 3) & 15]!;
    if (at + size > bytes.length) return;
    if (size > 0) yield { data: bytes.subarray(at, at + size) };
    at += size || 1;
  }
}

/** Opens a decoder for the AMR frames of a container. They have the same form as in an AMR file. */
export async function openAmr(wide: boolean): Promise<Codec> {
  const { decoder } = await import('@audio/decode-amr');
  const amr = await decoder();
  amr.decode(Uint8Array.from(wide ? MAGIC.wide : MAGIC.narrow, (letter) => letter.charCodeAt(0)));
  return {
    sampleRate: wide ? 16_000 : 8_000,
    decode: (packet) => {
      const { channelData } = amr.decode(packet);
      return channelData;
    },
    free: () => amr.free(),
  };
}
