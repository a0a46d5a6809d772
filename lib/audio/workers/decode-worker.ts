/**
 * Runs in a worker thread. Reads, decodes, mixes down and resamples clips, several at a time. decode-thread.ts is the other end
 * of the channel.
 */
import { parentPort, workerData } from 'node:worker_threads';

import type { Decoder, RawFormat } from '../../options/types.js';
import { EmotionError, type Problem } from '../../shared/errors.js';
import { maxSecondsFor } from '../audio-limits.js';
import { decodeBytes, type DecodedClip, reasonOf } from '../decode-bytes.js';
import { DecoderLoadError } from '../decode-errors.js';
import type { OpenedAudio } from '../formats/audio-block.js';
import { openAudio } from '../formats/open.js';
import { readFile } from '../input/read-file.js';
import { MonoAudio, type MonoClip } from '../mono-audio.js';
import type { AudioSamples } from '../pcm.js';
import { FairShare, type Share } from './fair-share.js';

export interface DecodeJob {
  id: number;
  /** A path (or the `file:` URL of a path that is not UTF-8), encoded bytes, or samples. */
  source: string | Uint8Array | AudioSamples;
  /** The clip's name in error messages. */
  name: string;
  /** Maximum file size. Larger files fail with ERR_AUDIO_TOO_LONG. */
  maxBytes: number | undefined;
  /** Maximum length. Longer clips fail with ERR_AUDIO_TOO_LONG. Infinity: the limit that `maxSecondsFor` returns. */
  maxSeconds: number;
  /** Sample rate of the output in Hz; that of the clip if undefined. */
  rate: number | undefined;
  decoder: Decoder;
  /** The sample format of bytes without a header. */
  raw: RawFormat | undefined;
}

/** Cancels a job. The job still replies, with an error or with its result. */
export interface StopDecoding {
  stop: number;
}

/** Announces that another job is waiting. The worker replies with `ReadyToDecode` once such a job would run at once. */
export interface OfferDecoding {
  offer: true;
}

export interface ReadyToDecode {
  ready: true;
}

export type DecodeReply =
  | ({ id: number; ms: number; decoder: OpenedAudio['decoder'] } & MonoClip)
  | { id: number; problem: Problem; cause: string; replaceThread: boolean };

/** Frames of linear audio that are converted at once. */
const BLOCK_FRAMES = 65_536;

/** When this thread last made a step, as `Date.now()` reports it. The other end reads it from shared memory. */
const lastStep = workerData as Float64Array;
const shares = new FairShare(() => {
  lastStep[0] = Date.now();
  acceptOffer();
});
let offered = false;
const jobs = new Map<number, Share>();

parentPort?.on('message', (message: DecodeJob | StopDecoding | OfferDecoding) => {
  if ('offer' in message) {
    offered = true;
    acceptOffer();
  } else if ('stop' in message) jobs.get(message.stop)?.stop();
  else void run(message);
});

function acceptOffer(): void {
  if (!offered || !shares.open) return;
  offered = false;
  parentPort?.postMessage({ ready: true } satisfies ReadyToDecode);
}

async function run({ id, source, ...options }: DecodeJob): Promise<void> {
  const share = shares.enter();
  jobs.set(id, share);
  try {
    await share.pause();
    const decoded = await decode(source, options, share);
    const clip = decoded.audio.finish();
    parentPort?.postMessage({ id, ms: share.ms, decoder: decoded.by, ...clip } satisfies DecodeReply, [
      clip.pcm.samples.buffer as ArrayBuffer,
    ]);
  } catch (error) {
    parentPort?.postMessage(failure(id, error));
  } finally {
    jobs.delete(id);
  }
}

/** Errors lose their class on the way between threads, so the parts of an EmotionError are sent. */
function failure(id: number, thrown: unknown): DecodeReply {
  const error =
    thrown instanceof EmotionError ? thrown : new EmotionError('ERR_AUDIO_DECODE', reasonOf(thrown), { cause: thrown });
  const { code, what, remedy } = error;
  const cause = error.cause === undefined ? what : reasonOf(error.cause);
  return { id, problem: { code, what, remedy }, cause, replaceThread: error instanceof DecoderLoadError };
}

async function appendSamples(audio: MonoAudio, { samples, sampleRate }: AudioSamples, share: Share): Promise<void> {
  for (let at = 0; at < samples.length; at += BLOCK_FRAMES) {
    audio.append([asFloat32(samples.subarray(at, at + BLOCK_FRAMES))], sampleRate);
    await share.pause(BLOCK_FRAMES);
  }
}

function asFloat32(samples: AudioSamples['samples']): Float32Array {
  if (samples instanceof Float32Array) return samples;
  return samples instanceof Int16Array
    ? Float32Array.from(samples, (sample) => sample / 32768)
    : Float32Array.from(samples);
}

type JobOptions = Omit<DecodeJob, 'id' | 'source'>;

async function decode(source: DecodeJob['source'], options: JobOptions, share: Share): Promise<DecodedClip> {
  const { name, maxBytes, maxSeconds, rate, decoder, raw } = options;
  if (typeof source === 'object' && 'samples' in source) {
    const audio = new MonoAudio(name, maxSeconds, rate);
    await appendSamples(audio, source, share);
    return { audio, by: 'builtin' };
  }
  const file = typeof source === 'string' ? source : undefined;
  const bytes = typeof source === 'string' ? readFile(source, name, maxBytes) : source;
  const limit = maxSeconds === Infinity ? maxSecondsFor(bytes.length) : maxSeconds;
  return decodeBytes({
    bytes,
    file: file?.startsWith('file://') ? undefined : file,
    name,
    decoder: raw === undefined ? decoder : 'builtin',
    begin: () => new MonoAudio(name, limit, rate),
    open: () => openAudio(bytes, name, raw),
    pause: (samples) => share.pause(samples),
    signal: share.signal,
  });
}
