/** Runs in a worker thread: reads, decodes, mixes down and resamples one clip at a time. See decode-pool.ts for the other side. */
import { readFileSync } from 'node:fs';
import { parentPort } from 'node:worker_threads';

import { type ErrorCode, messageOf } from '../errors.js';
import { Failure } from './failure.js';
import { openAudio } from './formats/open.js';
import { MonoAudio, type MonoClip } from './mono.js';
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
}

export type DecodeReply =
  ({ id: number; ms: number } & MonoClip) | { id: number; code: ErrorCode; what: string; cause: string };

/** Frames of what is not compressed that are converted at once. */
const FRAMES = 65_536;

parentPort?.on('message', (job: DecodeJob) => void answer(job));

async function answer({ id, source, name, maxSeconds, rate }: DecodeJob): Promise<void> {
  const begin = performance.now();
  try {
    const audio = new MonoAudio(name, maxSeconds, rate);
    if (typeof source === 'object' && 'samples' in source) appendSamples(audio, source);
    else await decode(typeof source === 'string' ? readSource(source, name) : source, name, audio);
    const clip = audio.finish();
    const ms = performance.now() - begin;
    parentPort?.postMessage({ id, ms, ...clip } satisfies DecodeReply, [clip.pcm.samples.buffer as ArrayBuffer]);
  } catch (error) {
    const known = error instanceof Failure ? error : new Failure('ERR_AUDIO_DECODE', messageOf(error), error);
    parentPort?.postMessage({
      id,
      code: known.code,
      what: known.message,
      cause: messageOf(known.cause ?? error),
    } satisfies DecodeReply);
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

async function decode(bytes: Uint8Array, name: string, audio: MonoAudio): Promise<void> {
  try {
    const { expected, stretches } = openAudio(bytes, name);
    if (expected !== undefined) audio.expect(expected.frames, expected.sampleRate);
    for await (const { channelData, sampleRate } of stretches) audio.append(channelData, sampleRate);
  } catch (error) {
    if (error instanceof Failure) throw error;
    const what = `${name} is not audio that can be decoded: ${messageOf(error)}; it starts with ${startOf(bytes)}`;
    throw new Failure('ERR_AUDIO_DECODE', what, error);
  }
  if (!audio.empty) return;
  throw new Failure('ERR_AUDIO_DECODE', `${name} holds no audio that can be decoded; it starts with ${startOf(bytes)}`);
}

function startOf(bytes: Uint8Array): string {
  return JSON.stringify(Buffer.from(bytes.subarray(0, 12)).toString('latin1'));
}
