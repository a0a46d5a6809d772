import { messageOf } from '../shared/errors.js';
import { explainFileError, shortageIn } from '../shared/file-error.js';
import type { Decoder } from '../options/types.js';
import { shown, withoutPaths } from '../shared/text.js';
import { Failure, Unsupported } from './decode-errors.js';
import { decodeWithFfmpeg } from './ffmpeg/decode.js';
import { findFfmpeg } from './ffmpeg/program.js';
import type { OpenedAudio } from './formats/audio-block.js';
import type { MonoAudio } from './mono-audio.js';

/** An encoded clip, and what decoding it needs. */
export interface EncodedClip {
  bytes: Uint8Array;
  /** Where the bytes are from, if from a file. */
  file: string | undefined;
  /** In errors. */
  name: string;
  decoder: Decoder;
  /** An empty clip, for each decoder that is tried. */
  begin: () => MonoAudio;
  /** What is built in. */
  open: () => OpenedAudio;
  /** Awaited after each stretch, of so many samples. */
  pause: (samples: number) => Promise<void>;
  signal: AbortSignal;
}

export interface DecodedClip {
  audio: MonoAudio;
  /** Who decoded it. */
  by: OpenedAudio['decoder'];
}

/**
 * Decodes with what is built in, or with ffmpeg: where that is wanted, and where the format is not built in and there is one.
 * @throws Failure ERR_AUDIO_DECODE, ERR_AUDIO_TOO_SHORT, ERR_AUDIO_TOO_LONG, ERR_AUDIO_NOT_FINITE, ERR_DECODER_UNAVAILABLE
 */
export async function decodeBytes(clip: EncodedClip): Promise<DecodedClip> {
  const { decoder, name, bytes } = clip;
  if (bytes.length === 0) throw new Failure('ERR_AUDIO_DECODE', `${name} is empty (0 bytes)`);
  if (decoder !== 'ffmpeg') {
    try {
      return { audio: await collect(clip, clip.open()), by: 'builtin' };
    } catch (error) {
      if (!(error instanceof Unsupported) || decoder === 'builtin') throw explained(clip, error);
      return byFfmpeg(clip, error);
    }
  }
  return byFfmpeg(clip, undefined);
}

/** @param unsupported why what is built in does not read it, where that was tried */
async function byFfmpeg(clip: EncodedClip, unsupported: Unsupported | undefined): Promise<DecodedClip> {
  const { file, bytes, name, signal } = clip;
  const program = findFfmpeg();
  if (program === undefined) {
    if (unsupported !== undefined) throw explained(clip, unsupported);
    throw new Failure('ERR_DECODER_UNAVAILABLE', `${name} is to be decoded by ffmpeg, which is not on this machine`);
  }
  try {
    const stretches = decodeWithFfmpeg({ program, file, bytes, name, signal });
    return { audio: await collect(clip, { decoder: 'ffmpeg', stretches }), by: 'ffmpeg' };
  } catch (error) {
    if (unsupported === undefined || !(error instanceof Failure) || error.code !== 'ERR_AUDIO_DECODE') throw error;
    const what = `${explained(clip, unsupported).message}; by ffmpeg: ${reasonOf(error.cause ?? error)}`;
    throw new Failure('ERR_AUDIO_DECODE', what, error);
  }
}

async function collect(clip: EncodedClip, { expected, stretches }: OpenedAudio): Promise<MonoAudio> {
  const audio = clip.begin();
  if (expected !== undefined) audio.expect(expected.frames, expected.sampleRate);
  for await (const { channelData, sampleRate } of stretches) {
    audio.append(channelData, sampleRate);
    await clip.pause(channelData.reduce((size, { length }) => size + length, 0));
  }
  if (!audio.empty) return audio;
  const what = `${clip.name} holds no audio that can be decoded; it starts with ${startOf(clip.bytes)}`;
  throw new Failure('ERR_AUDIO_DECODE', what);
}

/** What a decoder throws, as people read it. */
function explained({ name, bytes, decoder }: EncodedClip, error: unknown): Failure {
  if (error instanceof Failure) return error;
  const shortage = shortageIn(error); // of files to open: the decoder is one
  if (shortage !== undefined) {
    const { code, what, remedy } = explainFileError(shortage, name);
    return new Failure(code, what, error, remedy, true);
  }
  const what = `${name} is not audio that can be decoded: ${reasonOf(error)}; it starts with ${startOf(bytes)}`;
  if (!(error instanceof Unsupported)) return new Failure('ERR_AUDIO_DECODE', what, error);
  const remedy =
    decoder === 'builtin'
      ? "Check that the file plays; decoder 'auto' asks ffmpeg too, which reads more formats (docs/audio-formats.md)."
      : 'Check that the file plays; with ffmpeg on this machine more formats are read (docs/audio-formats.md).';
  return new Failure('ERR_AUDIO_DECODE', what, error, remedy);
}

function startOf(bytes: Uint8Array): string {
  return JSON.stringify(Buffer.from(bytes.subarray(0, 12)).toString('latin1'));
}

/** What a decoder throws: of any length, and with paths of the installation in it. */
export function reasonOf(error: unknown): string {
  return shown(withoutPaths(messageOf(error)));
}
