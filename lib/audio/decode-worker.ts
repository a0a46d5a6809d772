/** Runs in a worker thread: reads, decodes, mixes down and resamples clips, by turns. See decode-pool.ts for the other side. */
import { parentPort, workerData } from 'node:worker_threads';

import { type ErrorCode, messageOf } from '../errors.js';
import { explainFileError, shortageIn } from '../file-error.js';
import type { Decoder } from '../options.js';
import { shown, withoutPaths } from '../text.js';
import { Failure, Unsupported } from './failure.js';
import { decodeWithFfmpeg } from './ffmpeg/decode.js';
import { findFfmpeg } from './ffmpeg/program.js';
import { openAudio } from './formats/open.js';
import type { OpenedAudio } from './formats/stretch.js';
import { MonoAudio, type MonoClip } from './mono.js';
import type { AudioSamples } from './pcm.js';
import { readFile } from './read-file.js';
import { mostSeconds } from './shape.js';
import { type Turn, Turns } from './turns.js';

export interface DecodeJob {
  id: number;
  /** A path (or the `file:` URL of one that is not UTF-8), encoded bytes, or samples. */
  source: string | Uint8Array | AudioSamples;
  /** Of the clip, in errors, as they show it. */
  name: string;
  /** A larger file ends with ERR_AUDIO_TOO_LONG. */
  maxBytes: number | undefined;
  /** Decoding ends with ERR_AUDIO_TOO_LONG where there is more. Infinity: `mostSeconds` of its bytes. */
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
  | { id: number; code: ErrorCode; what: string; remedy: string | undefined; cause: string; broken: boolean };

/** Frames of what is not compressed that are converted at once. */
const FRAMES = 65_536;

/** When this thread last did a step, in `Date.now()`'s milliseconds, for the other side to see. */
const lastStep = workerData as Float64Array;
const turns = new Turns(() => (lastStep[0] = Date.now()));
const jobs = new Map<number, Turn>();

parentPort?.on('message', (message: DecodeJob | StopDecoding) => {
  if ('stop' in message) jobs.get(message.stop)?.stop();
  else void answer(message);
});

async function answer({ id, source, ...wanted }: DecodeJob): Promise<void> {
  const turn = turns.enter();
  jobs.set(id, turn);
  try {
    await turn.pause();
    const decoded = await decode(source, wanted, turn);
    const clip = decoded.audio.finish();
    parentPort?.postMessage({ id, ms: turn.used, decoder: decoded.by, ...clip } satisfies DecodeReply, [
      clip.pcm.samples.buffer as ArrayBuffer,
    ]);
  } catch (error) {
    const known = error instanceof Failure ? error : new Failure('ERR_AUDIO_DECODE', reasonOf(error), error);
    parentPort?.postMessage({
      id,
      code: known.code,
      what: known.message,
      remedy: known.remedy,
      cause: reasonOf(known.cause ?? error),
      broken: known.broken,
    } satisfies DecodeReply);
  } finally {
    jobs.delete(id);
  }
}

async function appendSamples(audio: MonoAudio, { samples, sampleRate }: AudioSamples, turn: Turn): Promise<void> {
  for (let at = 0; at < samples.length; at += FRAMES) {
    audio.append([asFloat32(samples.subarray(at, at + FRAMES))], sampleRate);
    await turn.pause();
  }
}

function asFloat32(samples: AudioSamples['samples']): Float32Array {
  if (samples instanceof Float32Array) return samples;
  return samples instanceof Int16Array
    ? Float32Array.from(samples, (sample) => sample / 32768)
    : Float32Array.from(samples);
}

type Wanted = Omit<DecodeJob, 'id' | 'source'>;

interface Decoded {
  audio: MonoAudio;
  by: OpenedAudio['decoder'];
}

async function decode(source: DecodeJob['source'], wanted: Wanted, turn: Turn): Promise<Decoded> {
  const { name, maxBytes, maxSeconds, rate, decoder } = wanted;
  if (typeof source === 'object' && 'samples' in source) {
    const audio = new MonoAudio(name, maxSeconds, rate);
    await appendSamples(audio, source, turn);
    return { audio, by: 'builtin' };
  }
  const bytes = typeof source === 'string' ? readFile(source, name, maxBytes) : source;
  const most = maxSeconds === Infinity ? mostSeconds(bytes.length) : maxSeconds;
  const append = (opened: OpenedAudio) => appendDecoded(new MonoAudio(name, most, rate), opened, turn);
  let unread: Unsupported | undefined;
  if (decoder !== 'ffmpeg') {
    try {
      return { audio: await append(openAudio(bytes, name)), by: 'builtin' };
    } catch (error) {
      if (!(error instanceof Unsupported)) throw broken(error, name, bytes);
      unread = error;
    }
  }
  const program = decoder === 'builtin' ? undefined : findFfmpeg();
  if (program === undefined) {
    if (unread !== undefined) throw unknown(unread, name, bytes, decoder);
    throw new Failure('ERR_DECODER_UNAVAILABLE', `${name} is to be decoded by ffmpeg, which is not on this machine`);
  }
  const file = typeof source === 'string' && !source.startsWith('file://') ? source : undefined;
  const stretches = decodeWithFfmpeg({ program, file, bytes, name, signal: turn.signal });
  try {
    return { audio: await append({ decoder: 'ffmpeg', stretches }), by: 'ffmpeg' };
  } catch (error) {
    if (!(error instanceof Failure)) throw broken(error, name, bytes);
    if (error.code !== 'ERR_AUDIO_DECODE') throw error;
    throw new Failure(error.code, `${error.message}; it starts with ${startOf(bytes)}`, error.cause, error.remedy);
  }
}

async function appendDecoded(audio: MonoAudio, { expected, stretches }: OpenedAudio, turn: Turn): Promise<MonoAudio> {
  if (expected !== undefined) audio.expect(expected.frames, expected.sampleRate);
  for await (const { channelData, sampleRate } of stretches) {
    audio.append(channelData, sampleRate);
    await turn.pause();
  }
  if (audio.empty) throw new Error('it holds no audio');
  return audio;
}

function broken(error: unknown, name: string, bytes: Uint8Array): Failure {
  if (error instanceof Failure) return error;
  const shortage = shortageIn(error); // of files to open: the decoder is one
  if (shortage !== undefined) {
    const { code, what, remedy } = explainFileError(shortage, name);
    return new Failure(code, what, error, remedy, true);
  }
  const what = `${name} is not audio that can be decoded: ${reasonOf(error)}; it starts with ${startOf(bytes)}`;
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

/** What a decoder throws: of any length, and with paths of the installation in it. */
function reasonOf(error: unknown): string {
  return shown(withoutPaths(messageOf(error)));
}
