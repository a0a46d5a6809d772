/** Runs in a worker thread: reads, decodes, mixes down and resamples clips, by turns. See decode-pool.ts for the other side. */
import { parentPort, workerData } from 'node:worker_threads';

import type { ErrorCode } from '../../shared/errors.js';
import type { Decoder } from '../../options/types.js';
import { decodeBytes, type DecodedClip, reasonOf } from '../decode-bytes.js';
import { Failure } from '../decode-errors.js';
import { openAudio } from '../formats/open.js';
import type { OpenedAudio } from '../formats/audio-block.js';
import { MonoAudio, type MonoClip } from '../mono-audio.js';
import type { AudioSamples } from '../pcm.js';
import type { RawFormat } from '../../options/types.js';
import { readFile } from '../input/read-file.js';
import { mostSeconds } from '../audio-limits.js';
import { type Turn, Turns } from './fair-share.js';

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
  | ({ id: number; ms: number; decoder: OpenedAudio['decoder'] } & MonoClip)
  | { id: number; code: ErrorCode; what: string; remedy: string | undefined; cause: string; broken: boolean };

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
    await turn.pause(FRAMES);
  }
}

function asFloat32(samples: AudioSamples['samples']): Float32Array {
  if (samples instanceof Float32Array) return samples;
  return samples instanceof Int16Array
    ? Float32Array.from(samples, (sample) => sample / 32768)
    : Float32Array.from(samples);
}

type Wanted = Omit<DecodeJob, 'id' | 'source'>;

async function decode(source: DecodeJob['source'], wanted: Wanted, turn: Turn): Promise<DecodedClip> {
  const { name, maxBytes, maxSeconds, rate, decoder, raw } = wanted;
  if (typeof source === 'object' && 'samples' in source) {
    const audio = new MonoAudio(name, maxSeconds, rate);
    await appendSamples(audio, source, turn);
    return { audio, by: 'builtin' };
  }
  const file = typeof source === 'string' ? source : undefined;
  const bytes = typeof source === 'string' ? readFile(source, name, maxBytes) : source;
  const most = maxSeconds === Infinity ? mostSeconds(bytes.length) : maxSeconds;
  return decodeBytes({
    bytes,
    file: file?.startsWith('file://') ? undefined : file,
    name,
    decoder: raw === undefined ? decoder : 'builtin',
    begin: () => new MonoAudio(name, most, rate),
    open: () => openAudio(bytes, name, raw),
    pause: (samples) => turn.pause(samples),
    signal: turn.signal,
  });
}
