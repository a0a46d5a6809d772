/** Runs in a worker thread: reads, decodes, mixes down and resamples one clip at a time. See decode-pool.ts for the other side. */
import { parentPort } from 'node:worker_threads';

import { type ErrorCode, messageOf } from '../errors.js';
import { explainFileError, shortageIn } from '../file-error.js';
import { shown, withoutPaths } from '../text.js';
import { Failure } from './failure.js';
import { openAudio } from './formats/open.js';
import { MonoAudio, type MonoClip } from './mono.js';
import type { AudioSamples } from './pcm.js';
import { readFile } from './read-file.js';

export interface DecodeJob {
  id: number;
  /** A path (or the `file:` URL of one that is not UTF-8), encoded bytes, or samples. */
  source: string | Uint8Array | AudioSamples;
  /** Of the clip, in errors, as they show it. */
  name: string;
  /** A larger file ends with ERR_AUDIO_TOO_LONG. */
  maxBytes: number | undefined;
  /** Decoding ends with ERR_AUDIO_TOO_LONG where there is more. */
  maxSeconds: number;
  /** Hz of the answer; that of the clip where undefined. */
  rate: number | undefined;
}

export type DecodeReply =
  | ({ id: number; ms: number } & MonoClip)
  | { id: number; code: ErrorCode; what: string; remedy: string | undefined; cause: string; broken: boolean };

/** Frames of what is not compressed that are converted at once. */
const FRAMES = 65_536;

parentPort?.on('message', (job: DecodeJob) => void answer(job));

async function answer({ id, source, name, maxBytes, maxSeconds, rate }: DecodeJob): Promise<void> {
  const begin = performance.now();
  try {
    const audio = new MonoAudio(name, maxSeconds, rate);
    if (typeof source === 'object' && 'samples' in source) appendSamples(audio, source);
    else await decode(typeof source === 'string' ? readFile(source, name, maxBytes) : source, name, audio);
    const clip = audio.finish();
    const ms = performance.now() - begin;
    parentPort?.postMessage({ id, ms, ...clip } satisfies DecodeReply, [clip.pcm.samples.buffer as ArrayBuffer]);
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
  }
}

function appendSamples(audio: MonoAudio, { samples, sampleRate }: AudioSamples): void {
  for (let at = 0; at < samples.length; at += FRAMES) {
    audio.append([asFloat32(samples.subarray(at, at + FRAMES))], sampleRate);
  }
}

function asFloat32(samples: AudioSamples['samples']): Float32Array {
  if (samples instanceof Float32Array) return samples;
  return samples instanceof Int16Array
    ? Float32Array.from(samples, (sample) => sample / 32768)
    : Float32Array.from(samples);
}

async function decode(bytes: Uint8Array, name: string, audio: MonoAudio): Promise<void> {
  try {
    const { expected, stretches } = openAudio(bytes, name);
    if (expected !== undefined) audio.expect(expected.frames, expected.sampleRate);
    for await (const { channelData, sampleRate } of stretches) audio.append(channelData, sampleRate);
  } catch (error) {
    if (error instanceof Failure) throw error;
    const shortage = shortageIn(error); // of files to open: the decoder is one
    if (shortage !== undefined) {
      const { code, what, remedy } = explainFileError(shortage, name);
      throw new Failure(code, what, error, remedy, true);
    }
    const what = `${name} is not audio that can be decoded: ${reasonOf(error)}; it starts with ${startOf(bytes)}`;
    throw new Failure('ERR_AUDIO_DECODE', what, error);
  }
  if (!audio.empty) return;
  throw new Failure('ERR_AUDIO_DECODE', `${name} holds no audio that can be decoded; it starts with ${startOf(bytes)}`);
}

function startOf(bytes: Uint8Array): string {
  return JSON.stringify(Buffer.from(bytes.subarray(0, 12)).toString('latin1'));
}

/** What a decoder throws: of any length, and with paths of the installation in it. */
function reasonOf(error: unknown): string {
  return shown(withoutPaths(messageOf(error)));
}
