/** Runs in a worker thread: reads, decodes, mixes down and resamples one clip at a time. See decode-pool.ts for the other side. */
import { readFileSync } from 'node:fs';
import { parentPort } from 'node:worker_threads';

import { type ErrorCode, messageOf } from '../errors.js';
import type { Decoder } from '../options.js';
import { type DecodedClip, decodeBytes } from './decode-bytes.js';
import { Failure } from './failure.js';
import { MonoAudio, type MonoClip } from './mono.js';
import { openAudio } from './formats/open.js';
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
    const { audio, by } = await decode(source, { name, maxSeconds, rate, decoder }, stop.signal);
    const clip = audio.finish();
    const ms = performance.now() - begin;
    const reply: DecodeReply = { id, ms, decoder: by, ...clip };
    parentPort?.postMessage(reply, [clip.pcm.samples.buffer as ArrayBuffer]);
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

type Wanted = Pick<DecodeJob, 'name' | 'maxSeconds' | 'rate' | 'decoder'>;

async function decode(
  source: DecodeJob['source'],
  { name, maxSeconds, rate, decoder }: Wanted,
  signal: AbortSignal,
): Promise<DecodedClip> {
  const begin = (): MonoAudio => new MonoAudio(name, maxSeconds, rate);
  if (typeof source === 'object' && 'samples' in source) {
    const audio = begin();
    appendSamples(audio, source);
    return { audio, by: 'builtin' };
  }
  const file = typeof source === 'string' ? source : undefined;
  const bytes = typeof source === 'string' ? readSource(source, name) : source;
  const open = (): OpenedAudio => openAudio(bytes, name);
  return decodeBytes({ bytes, file, name, decoder, open, begin, pause: () => Promise.resolve(), signal });
}
