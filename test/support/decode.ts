import { decodeAudio, type DecodeOptions } from '../../lib/audio/decode.js';
import type { AudioInput, Pcm } from '../../lib/audio/pcm.js';

/** Decodes a clip and releases its lease. The input may be invalid. */
export async function decode(input: unknown, options?: DecodeOptions): Promise<Pcm> {
  const { pcm, lease } = await decodeAudio(input as AudioInput, options);
  lease.release();
  return pcm;
}

/** Decodes a clip with the built-in decoders and releases its lease. */
export function decodeBuiltin(input: unknown, options?: DecodeOptions): Promise<Pcm> {
  return decode(input, { decoder: 'builtin', ...options });
}
