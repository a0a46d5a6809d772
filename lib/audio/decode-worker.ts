/** Runs in a worker thread: reads, decodes, mixes down and resamples clips, by turns. See decode-pool.ts for the other side. */
import { readFileSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';

import { type ErrorCode, messageOf } from '../errors.js';
import { Failure } from './failure.js';
import { openAudio } from './formats/open.js';
import { MonoAudio, type MonoClip } from './mono.js';
import type { Pcm } from './pcm.js';
import type { RawFormat } from './raw.js';
import { mostSeconds } from './shape.js';
import { type Turn, Turns } from './turns.js';

export interface DecodeJob {
  id: number;
  /** A path, encoded bytes, or samples. */
  source: string | Uint8Array | Pcm;
  /** Of the clip, in errors. */
  name: string;
  /** Decoding ends with ERR_AUDIO_TOO_LONG where there is more. Infinity: `mostSeconds` of its bytes. */
  maxSeconds: number;
  /** Hz of the answer; that of the clip where undefined. */
  rate: number | undefined;
  /** Bytes without a header. */
  raw: RawFormat | undefined;
}

/** The job is not wanted any more. It is answered as it comes to be. */
export interface StopDecoding {
  stop: number;
}

/** There is a job that could be had. It is answered with `ReadyToDecode` when it would go on at once. */
export interface OfferDecoding {
  offer: true;
}

export interface ReadyToDecode {
  ready: true;
}

export type DecodeReply =
  ({ id: number; ms: number } & MonoClip) | { id: number; code: ErrorCode; what: string; cause: string };

/** Frames of what is not compressed that are converted at once. */
const FRAMES = 65_536;

/** When this thread last did a step, in `Date.now()`'s milliseconds, for the other side to see. */
const lastStep = workerData as Float64Array;
const turns = new Turns(() => {
  lastStep[0] = Date.now();
  acceptOffer();
});
let offered = false;
const jobs = new Map<number, Turn>();

parentPort?.on('message', (message: DecodeJob | StopDecoding | OfferDecoding) => {
  if ('offer' in message) {
    offered = true;
    acceptOffer();
  } else if ('stop' in message) jobs.get(message.stop)?.stop();
  else void answer(message);
});

function acceptOffer(): void {
  if (!offered || !turns.open) return;
  offered = false;
  parentPort?.postMessage({ ready: true } satisfies ReadyToDecode);
}

async function answer({ id, source, ...wanted }: DecodeJob): Promise<void> {
  const turn = turns.enter();
  jobs.set(id, turn);
  try {
    await turn.pause();
    const audio = await decode(source, wanted, turn);
    const clip = audio.finish();
    const ms = turn.used;
    parentPort?.postMessage({ id, ms, ...clip } satisfies DecodeReply, [clip.pcm.samples.buffer as ArrayBuffer]);
  } catch (error) {
    const known = error instanceof Failure ? error : new Failure('ERR_AUDIO_DECODE', messageOf(error), error);
    parentPort?.postMessage({
      id,
      code: known.code,
      what: known.message,
      cause: messageOf(known.cause ?? error),
    } satisfies DecodeReply);
  } finally {
    jobs.delete(id);
  }
}

type Wanted = Omit<DecodeJob, 'id' | 'source'>;

async function decode(
  source: DecodeJob['source'],
  { name, maxSeconds, rate, raw }: Wanted,
  turn: Turn,
): Promise<MonoAudio> {
  if (typeof source === 'object' && 'samples' in source) {
    const audio = new MonoAudio(name, maxSeconds, rate);
    await appendSamples(audio, source, turn);
    return audio;
  }
  const bytes = typeof source === 'string' ? readSource(source, name) : source;
  const audio = new MonoAudio(name, maxSeconds === Infinity ? mostSeconds(bytes.length) : maxSeconds, rate);
  await appendDecoded(audio, bytes, { name, raw }, turn);
  return audio;
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

async function appendSamples(audio: MonoAudio, { samples, sampleRate }: Pcm, turn: Turn): Promise<void> {
  for (let at = 0; at < samples.length; at += FRAMES) {
    audio.append([samples.subarray(at, at + FRAMES)], sampleRate);
    await turn.pause(FRAMES);
  }
}

async function appendDecoded(
  audio: MonoAudio,
  bytes: Uint8Array,
  { name, raw }: Pick<Wanted, 'name' | 'raw'>,
  turn: Turn,
): Promise<void> {
  try {
    const { expected, stretches } = openAudio(bytes, name, raw);
    if (expected !== undefined) audio.expect(expected.frames, expected.sampleRate);
    for await (const { channelData, sampleRate } of stretches) {
      audio.append(channelData, sampleRate);
      await turn.pause(channelData.reduce((size, { length }) => size + length, 0));
    }
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
