/** Runs in a worker thread: reads, decodes, mixes down and resamples one clip at a time. See decode-pool.ts for the other side. */
import { readFileSync } from 'node:fs';
import { parentPort } from 'node:worker_threads';

import { type ErrorCode, messageOf } from '../errors.js';
import type { Decoder } from '../options.js';
import { Failure, Unsupported } from './failure.js';
import { decodeWithFfmpeg } from './ffmpeg/decode.js';
import { findFfmpeg } from './ffmpeg/program.js';
import { openAudio } from './formats/open.js';
import { MonoAudio, type MonoClip } from './mono.js';
import type { OpenedAudio } from './formats/stretch.js';
import type { Pcm } from './pcm.js';

export interface DecodeJob {
  id: number;
  /** A path, encoded bytes, or samples. */
  source: string | Uint8Array | Pcm;
  /** Of the clip, in errors. */
  name: string;
  /** Decoding ends with ERR_AUDIO_TOO_LONG where there is more. */
  maxSeconds: number;
  /** Hz of the answer; that of the clip where undefined. */
  rate: number | undefined;
  decoder: Decoder;
}

/** The job is not wanted any more. It is answered as it comes to be. */
export interface StopDecoding {
  stop: number;
}

export type DecodeReply =
  | ({ id: number; ms: number; decoder: OpenedAudio['decoder'] } & MonoClip)
  | { id: number; code: ErrorCode; what: string; remedy: string | undefined; cause: string };

/** Frames of what is not compressed that are converted at once. */
const FRAMES = 65_536;

const jobs = new Map<number, AbortController>();

parentPort?.on('message', (message: DecodeJob | StopDecoding) => {
  if ('stop' in message) jobs.get(message.stop)?.abort();
  else void answer(message);
});

async function answer({ id, source, name, maxSeconds, rate, decoder }: DecodeJob): Promise<void> {
  const begin = performance.now();
  const stop = new AbortController();
  jobs.set(id, stop);
  try {
    const wanted = { name, maxSeconds, rate, decoder, signal: stop.signal };
    const decoded = await decode(source, wanted);
    const clip = decoded.audio.finish();
    const ms = performance.now() - begin;
    parentPort?.postMessage({ id, ms, decoder: decoded.by, ...clip } satisfies DecodeReply, [
      clip.pcm.samples.buffer as ArrayBuffer,
    ]);
  } catch (error) {
    const known = error instanceof Failure ? error : new Failure('ERR_AUDIO_DECODE', messageOf(error), error);
    parentPort?.postMessage({
      id,
      code: known.code,
      what: known.message,
      remedy: known.remedy,
      cause: messageOf(known.cause ?? error),
    } satisfies DecodeReply);
  } finally {
    jobs.delete(id);
  }
}

function readSource(file: string, name: string): Uint8Array {
  try {
    return readFileSync(file);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR')
      throw new Failure('ERR_FILE_NOT_FOUND', `There is no file ${name}`, error);
    const why = code === 'EISDIR' ? 'it is a folder' : messageOf(error);
    throw new Failure('ERR_FILE_READ', `${name} cannot be read: ${why}`, error);
  }
}

function appendSamples(audio: MonoAudio, { samples, sampleRate }: Pcm): void {
  for (let at = 0; at < samples.length; at += FRAMES) audio.append([samples.subarray(at, at + FRAMES)], sampleRate);
}

interface Wanted extends Pick<DecodeJob, 'name' | 'maxSeconds' | 'rate' | 'decoder'> {
  signal: AbortSignal;
}

interface Decoded {
  audio: MonoAudio;
  by: OpenedAudio['decoder'];
}

async function decode(source: DecodeJob['source'], wanted: Wanted): Promise<Decoded> {
  const { name, maxSeconds, rate, decoder, signal } = wanted;
  const begin = (): MonoAudio => new MonoAudio(name, maxSeconds, rate);
  if (typeof source === 'object' && 'samples' in source) {
    const audio = begin();
    appendSamples(audio, source);
    return { audio, by: 'builtin' };
  }
  const bytes = typeof source === 'string' ? readSource(source, name) : source;
  const program = decoder === 'builtin' ? undefined : findFfmpeg();
  if (decoder === 'ffmpeg' && program === undefined) {
    throw new Failure('ERR_DECODER_UNAVAILABLE', `${name} is to be decoded by ffmpeg, which is not on this machine`);
  }
  let unsupported: Unsupported | undefined;
  if (decoder !== 'ffmpeg') {
    try {
      return { audio: await appendDecoded(begin(), openAudio(bytes, name), bytes, name), by: 'builtin' };
    } catch (error) {
      if (!(error instanceof Unsupported)) throw broken(error, name, bytes);
      if (program === undefined) throw unknown(error, name, bytes, decoder);
      unsupported = error;
    }
  }
  const file = typeof source === 'string' ? source : undefined;
  const stretches = decodeWithFfmpeg({ program: program!, file, bytes, name, signal });
  try {
    return { audio: await appendDecoded(begin(), { decoder: 'ffmpeg', stretches }, bytes, name), by: 'ffmpeg' };
  } catch (error) {
    if (unsupported === undefined || !(error instanceof Failure) || error.code !== 'ERR_AUDIO_DECODE') throw error;
    const what = `${broken(unsupported, name, bytes).message}; by ffmpeg: ${messageOf(error.cause ?? error)}`;
    throw new Failure('ERR_AUDIO_DECODE', what, error);
  }
}

async function appendDecoded(
  audio: MonoAudio,
  { expected, stretches }: OpenedAudio,
  bytes: Uint8Array,
  name: string,
): Promise<MonoAudio> {
  if (expected !== undefined) audio.expect(expected.frames, expected.sampleRate);
  for await (const { channelData, sampleRate } of stretches) audio.append(channelData, sampleRate);
  if (!audio.empty) return audio;
  throw new Failure('ERR_AUDIO_DECODE', `${name} holds no audio that can be decoded; it starts with ${startOf(bytes)}`);
}

function broken(error: unknown, name: string, bytes: Uint8Array): Failure {
  if (error instanceof Failure) return error;
  const what = `${name} is not audio that can be decoded: ${messageOf(error)}; it starts with ${startOf(bytes)}`;
  return new Failure('ERR_AUDIO_DECODE', what, error);
}

/** A format that nothing here reads, where there is no ffmpeg or it may not be used. */
function unknown(error: Unsupported, name: string, bytes: Uint8Array, decoder: Decoder): Failure {
  const { message } = broken(error, name, bytes);
  const remedy =
    decoder === 'builtin'
      ? "Check that the file plays; decoder 'auto' would try ffmpeg, which reads more formats (docs/audio-formats.md)."
      : 'Check that the file plays; with ffmpeg on this machine more formats are read (docs/audio-formats.md).';
  return new Failure('ERR_AUDIO_DECODE', message, error, remedy);
}

function startOf(bytes: Uint8Array): string {
  return JSON.stringify(Buffer.from(bytes.subarray(0, 12)).toString('latin1'));
}
