import type { Decoder } from '../options/types.js';
import { EmotionError, hasCode, messageOf } from '../shared/errors.js';
import { explainFileError, shortageIn } from '../shared/file-error.js';
import { shown, withoutPaths } from '../shared/text.js';
import { DecoderLoadError, UnsupportedFormatError } from './decode-errors.js';
import { decodeWithFfmpeg } from './ffmpeg/decode.js';
import { findFfmpeg } from './ffmpeg/program.js';
import type { OpenedAudio } from './formats/audio-block.js';
import type { MonoAudio } from './mono-audio.js';

/** An encoded clip, and how to decode it. */
export interface EncodedClip {
  bytes: Uint8Array;
  /** The file that the bytes come from, if any. */
  file: string | undefined;
  /** The clip's name in error messages. */
  name: string;
  decoder: Decoder;
  /** Returns an empty clip. Called once for each decoder that is tried. */
  begin: () => MonoAudio;
  /** Opens the bytes with the built-in decoders. */
  open: () => OpenedAudio;
  /** Awaited after each block, with the number of its samples. */
  pause: (samples: number) => Promise<void>;
  signal: AbortSignal;
}

export interface DecodedClip {
  audio: MonoAudio;
  /** The decoder that was used. */
  by: OpenedAudio['decoder'];
}

/**
 * Decodes a clip with the built-in decoders or with ffmpeg. With `decoder: 'auto'`, ffmpeg is used for formats that the built-in
 * decoders do not support, if it is installed.
 * @throws EmotionError ERR_AUDIO_DECODE, ERR_AUDIO_TOO_SHORT, ERR_AUDIO_TOO_LONG, ERR_AUDIO_NOT_FINITE, ERR_DECODER_UNAVAILABLE
 */
export async function decodeBytes(clip: EncodedClip): Promise<DecodedClip> {
  const { decoder, name, bytes } = clip;
  if (bytes.length === 0) throw new EmotionError('ERR_AUDIO_DECODE', `${name} is empty (0 bytes)`);
  if (decoder !== 'ffmpeg') {
    try {
      return { audio: await collect(clip, clip.open()), by: 'builtin' };
    } catch (error) {
      if (!(error instanceof UnsupportedFormatError) || decoder === 'builtin') throw decodeError(clip, error);
      return byFfmpeg(clip, error);
    }
  }
  return byFfmpeg(clip, undefined);
}

/** @param unsupported the error of the built-in decoders, if they were tried */
async function byFfmpeg(clip: EncodedClip, unsupported: UnsupportedFormatError | undefined): Promise<DecodedClip> {
  const { file, bytes, name, signal } = clip;
  const program = findFfmpeg();
  if (program === undefined) {
    if (unsupported !== undefined) throw decodeError(clip, unsupported);
    throw new EmotionError('ERR_DECODER_UNAVAILABLE', `${name} cannot be decoded with ffmpeg: ffmpeg was not found`);
  }
  try {
    const blocks = decodeWithFfmpeg({ program, file, bytes, name, signal });
    return { audio: await collect(clip, { decoder: 'ffmpeg', blocks }), by: 'ffmpeg' };
  } catch (error) {
    if (unsupported === undefined || !hasCode(error, 'ERR_AUDIO_DECODE')) throw error;
    const reason = error.cause === undefined ? error.what : reasonOf(error.cause);
    const what = `${decodeError(clip, unsupported).what}; ffmpeg failed too: ${reason}`;
    throw new EmotionError('ERR_AUDIO_DECODE', what, { cause: error });
  }
}

async function collect(clip: EncodedClip, { expected, blocks }: OpenedAudio): Promise<MonoAudio> {
  const audio = clip.begin();
  if (expected !== undefined) audio.checkLength(expected.frames, expected.sampleRate);
  for await (const { channelData, sampleRate } of blocks) {
    audio.append(channelData, sampleRate);
    await clip.pause(channelData.reduce((size, { length }) => size + length, 0));
  }
  if (!audio.empty) return audio;
  const what = `${clip.name} contains no audio that can be decoded; it starts with ${firstBytes(clip.bytes)}`;
  throw new EmotionError('ERR_AUDIO_DECODE', what);
}

/** Converts an error that a decoder threw to an error for users. */
function decodeError({ name, bytes, decoder }: EncodedClip, cause: unknown): EmotionError {
  if (cause instanceof EmotionError) return cause;
  const shortage = shortageIn(cause); // of file descriptors: the decoder's module could not be opened
  if (shortage !== undefined) {
    const { code, what, remedy } = explainFileError(shortage, name);
    return new DecoderLoadError(code, what, { cause, remedy });
  }
  const what = `${name} cannot be decoded: ${reasonOf(cause)}; it starts with ${firstBytes(bytes)}`;
  if (!(cause instanceof UnsupportedFormatError)) return new EmotionError('ERR_AUDIO_DECODE', what, { cause });
  const remedy =
    decoder === 'builtin'
      ? "Check that the file plays. Decoder 'auto' also tries ffmpeg, which reads more formats (docs/reference/audio-formats.md)."
      : 'Check that the file plays. If ffmpeg is installed, more formats can be read (docs/reference/audio-formats.md).';
  return new EmotionError('ERR_AUDIO_DECODE', what, { cause, remedy });
}

function firstBytes(bytes: Uint8Array): string {
  return JSON.stringify(Buffer.from(bytes.subarray(0, 12)).toString('latin1'));
}

/** Returns the message of an error that a decoder threw, shortened and without the paths of the installation. */
export function reasonOf(error: unknown): string {
  return shown(withoutPaths(messageOf(error)));
}
