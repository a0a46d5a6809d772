import path from 'node:path';
import { SHARE_ENV, Worker } from 'node:worker_threads';

import { EmotionError } from '../../shared/errors.js';
import { fileError, shortageIn } from '../../shared/file-error.js';
import type { Decoder } from '../../options/types.js';
import { shown, withoutPaths } from '../../shared/text.js';
import type { DecodeJob, DecodeReply, OfferDecoding, ReadyToDecode, StopDecoding } from './decode-worker.js';
import type { OpenedAudio } from '../formats/audio-block.js';
import type { MonoClip } from '../mono-audio.js';
import type { AudioSamples } from '../pcm.js';
import type { RawFormat } from '../../options/types.js';

const IDLE_MS = 10_000;
/** Samples of a clip after which its thread ends at once: what it read would stay in memory while the model runs. */
const LARGE = 2 ** 22;
/** Jobs that a thread has at once; what each holds is bounded by what long ones have had before they wait for each other. */
const OPEN = 16;
/** A thread that has done no step for so long is inside of a decoder. */
export const STUCK_MS = 300;
/** Of JavaScript objects, in a thread: tables that a broken file makes a decoder build. Samples are none. */
const HEAP_MB = 512;

export interface DecodeRequest {
  /** A path (or the `file:` URL of one that is not UTF-8), or bytes or samples that nobody else has: they move to the thread. */
  source: string | Uint8Array | AudioSamples;
  /** Of the clip, in errors, as they show it. */
  name: string;
  /** A larger file ends with ERR_AUDIO_TOO_LONG. */
  maxBytes?: number | undefined;
  /** Decoding ends with ERR_AUDIO_TOO_LONG where there is more. */
  maxSeconds: number;
  /** Hz that the clip gets; its own where undefined. */
  rate?: number | undefined;
  /** Default `auto`. */
  decoder: Decoder;
  /** Bytes without a header. */
  raw?: RawFormat | undefined;
  priority: number;
  signal: AbortSignal | undefined;
}

export interface Decoded extends MonoClip {
  /** Milliseconds that reading and decoding took. */
  ms: number;
  /** Who decoded it. */
  decoder: OpenedAudio['decoder'];
}

export interface Job extends DecodeRequest {
  resolve: (decoded: Decoded) => void;
  reject: (reason: unknown) => void;
  /** Set while a thread has it. */
  stop?: () => void;
}

export interface ThreadEvents {
  /** A job was settled. */
  onFree: () => void;
  /** It takes what it was offered: a new job would go on at once. */
  onReady: () => void;
  onEnd: () => void;
}

/** A thread that decodes, and the jobs that it has. */
export class DecodeThread {
  readonly #worker: Worker;
  readonly #on: ThreadEvents;
  readonly #jobs = new Map<number, Job>();
  /** When it last did a step, in milliseconds; 0 before the first. */
  readonly #lastStep = new Float64Array(new SharedArrayBuffer(Float64Array.BYTES_PER_ELEMENT));
  #idle: NodeJS.Timeout | undefined;
  #nextId = 0;
  #offered = false;
  /** When it got its latest job. */
  #latest = 0;
  #ended = false;

  constructor(on: ThreadEvents) {
    this.#on = on;
    // Decoders that print must not write into a command's output.
    this.#worker = new Worker(path.join(__dirname, 'decode-worker.js'), {
      stdout: true,
      stderr: true,
      execArgv: [],
      env: SHARE_ENV, // which ffmpeg there is
      workerData: this.#lastStep,
      resourceLimits: { maxOldGenerationSizeMb: HEAP_MB },
    });
    this.#worker.on('message', (reply: DecodeReply | ReadyToDecode) => {
      if ('id' in reply) return this.#settle(reply);
      this.#offered = false;
      this.#on.onReady();
    });
    this.#worker.on('error', (cause) => this.#lose(cause));
    this.#worker.on('exit', () => this.#lose(undefined));
  }

  get jobs(): number {
    return this.#jobs.size;
  }

  /** Asks whether it would take another job, between two steps of those that it has. */
  offer(): void {
    if (this.#offered || this.#jobs.size >= OPEN) return;
    this.#offered = true;
    this.#worker.postMessage({ offer: true } satisfies OfferDecoding);
  }

  get stuck(): boolean {
    const last = this.#lastStep[0]!; // 0 before the first
    return last > 0 && Math.min(Date.now() - last, performance.now() - this.#latest) > STUCK_MS;
  }

  /**
   * @returns what stops it, where nobody wants it any more
   * @param abandonMs the thread ends where it has worked so long, and has no other job
   */
  post(job: Job, abandonMs: number): () => void {
    clearTimeout(this.#idle);
    const id = this.#nextId++;
    const since = performance.now();
    this.#latest = since;
    this.#jobs.set(id, job);
    const { source, name, maxBytes, maxSeconds, rate, decoder, raw } = job;
    this.#worker.ref();
    this.#worker.postMessage(
      { id, source, name, maxBytes, maxSeconds, rate, decoder, raw } satisfies DecodeJob,
      typeof source === 'string' ? [] : [('samples' in source ? source.samples : source).buffer as ArrayBuffer],
    );
    job.source = ''; // the bytes are the thread's now
    return () => {
      if (!this.#jobs.has(id)) return;
      this.#worker.postMessage({ stop: id } satisfies StopDecoding);
      if (this.#jobs.size === 1 && performance.now() - since > abandonMs) this.#end();
    };
  }

  #settle(reply: DecodeReply): void {
    const job = this.#jobs.get(reply.id)!;
    this.#jobs.delete(reply.id);
    if (this.#jobs.size === 0) {
      this.#worker.unref();
      this.#idle = setTimeout(() => this.#end(), IDLE_MS).unref();
    }
    if ('code' in reply) {
      // It read as much as may be; or lacks modules that it could not open, and would not try again.
      if ((reply.code === 'ERR_AUDIO_TOO_LONG' || reply.broken) && this.#jobs.size === 0) this.#end();
      const { code, what, remedy } = reply;
      job.reject(
        new EmotionError(code, what, { cause: new Error(reply.cause), ...(remedy !== undefined && { remedy }) }),
      );
    } else {
      const { pcm, duration, ms, decoder } = reply;
      if (pcm.samples.length > LARGE && this.#jobs.size === 0) this.#end();
      job.resolve({ pcm, duration, ms, decoder });
    }
    this.#on.onFree();
  }

  #end(): void {
    if (this.#ended) return;
    this.#ended = true;
    clearTimeout(this.#idle);
    this.#on.onEnd();
    void this.#worker.terminate();
  }

  /** A decoder that runs out of memory takes its thread along: its clips fail, and the next one gets a new thread. */
  #lose(cause: Error | undefined): void {
    for (const job of this.#jobs.values()) job.reject(lossOf(cause, job.name));
    this.#jobs.clear();
    this.#end();
  }
}

/** What it means for a clip that its thread ended. */
function lossOf(cause: Error | undefined, name: string): EmotionError {
  const descriptors = shortageIn(cause);
  if (descriptors !== undefined) return fileError(descriptors, name);
  const why = cause === undefined ? '' : `: ${shown(withoutPaths(cause.message))}`;
  return new EmotionError('ERR_AUDIO_DECODE', `The decoder stopped in the middle of ${name}${why}`, { cause });
}
