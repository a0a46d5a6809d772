import path from 'node:path';
import { SHARE_ENV, Worker } from 'node:worker_threads';

import type { Decoder, RawFormat } from '../../options/types.js';
import { EmotionError } from '../../shared/errors.js';
import { fileError, shortageIn } from '../../shared/file-error.js';
import { shown, withoutPaths } from '../../shared/text.js';
import type { OpenedAudio } from '../formats/audio-block.js';
import type { MonoClip } from '../mono-audio.js';
import type { AudioSamples } from '../pcm.js';
import type { DecodeJob, DecodeReply, OfferDecoding, ReadyToDecode, StopDecoding } from './decode-worker.js';

/** Milliseconds after which an idle thread ends. */
const IDLE_MS = 10_000;
/**
 * Number of samples in a clip after which its thread ends at once: what was read would otherwise stay in memory while the model
 * runs.
 */
const LARGE_SAMPLES = 2 ** 22;
/** Maximum number of jobs that one thread has at a time. The memory of each is bounded because long jobs wait for each other. */
const MAX_JOBS = 16;
/** Milliseconds without a step after which a thread is considered stuck inside a decoder. */
export const STUCK_MS = 300;
/**
 * Maximum heap of a thread, for JavaScript objects such as tables that a damaged file makes a decoder build. Samples are not on
 * this heap.
 */
const HEAP_MB = 512;

export interface DecodeRequest {
  /**
   * A path (or the `file:` URL of a path that is not UTF-8), or bytes or samples that no other code holds: they are transferred
   * to the thread.
   */
  source: string | Uint8Array | AudioSamples;
  /** The clip's name in error messages, already escaped. */
  name: string;
  /** Maximum file size. Larger files fail with ERR_AUDIO_TOO_LONG. */
  maxBytes?: number | undefined;
  /** Maximum length. Longer clips fail with ERR_AUDIO_TOO_LONG. */
  maxSeconds: number;
  /** Sample rate of the output in Hz; that of the clip if undefined. */
  rate?: number | undefined;
  decoder: Decoder;
  /** The sample format of bytes without a header. */
  raw?: RawFormat | undefined;
  priority: number;
  signal: AbortSignal | undefined;
}

export interface Decoded extends MonoClip {
  /** Milliseconds spent on reading and decoding. */
  ms: number;
  /** The decoder that was used. */
  decoder: OpenedAudio['decoder'];
}

export interface Job extends DecodeRequest {
  resolve: (decoded: Decoded) => void;
  reject: (reason: unknown) => void;
  /** Cancels the job. Set while a thread has it. */
  stop?: () => void;
}

export interface ThreadEvents {
  /** A job was settled. */
  onFree: () => void;
  /** The thread accepts the job that was offered: it would run at once. */
  onReady: () => void;
  onEnd: () => void;
}

/** A worker thread that decodes, and the jobs that it has. */
export class DecodeThread {
  readonly #worker: Worker;
  readonly #on: ThreadEvents;
  readonly #jobs = new Map<number, Job>();
  /** Time of the thread's latest step in milliseconds; 0 before the first. */
  readonly #lastStep = new Float64Array(new SharedArrayBuffer(Float64Array.BYTES_PER_ELEMENT));
  #idle: NodeJS.Timeout | undefined;
  #nextId = 0;
  #offered = false;
  /** When the latest job was posted. */
  #latest = 0;
  #ended = false;

  constructor(on: ThreadEvents) {
    this.#on = on;
    // Decoders that print must not write to a command's output.
    this.#worker = new Worker(path.join(__dirname, 'decode-worker.js'), {
      stdout: true,
      stderr: true,
      execArgv: [],
      env: SHARE_ENV, // the variables that choose ffmpeg may change
      workerData: this.#lastStep,
      resourceLimits: { maxOldGenerationSizeMb: HEAP_MB },
    });
    this.#worker.on('message', (reply: DecodeReply | ReadyToDecode) => {
      if ('id' in reply) return this.#settle(reply);
      this.#offered = false;
      this.#on.onReady();
    });
    this.#worker.on('error', (cause) => this.#fail(cause));
    this.#worker.on('exit', () => this.#fail(undefined));
  }

  get jobs(): number {
    return this.#jobs.size;
  }

  /** Asks the thread whether it can take another job. It replies between two steps of the jobs that it has. */
  offer(): void {
    if (this.#offered || this.#jobs.size >= MAX_JOBS) return;
    this.#offered = true;
    this.#worker.postMessage({ offer: true } satisfies OfferDecoding);
  }

  get stuck(): boolean {
    const last = this.#lastStep[0]!; // 0 before the first
    return last > 0 && Math.min(Date.now() - last, performance.now() - this.#latest) > STUCK_MS;
  }

  /**
   * Gives the thread a job.
   * @param abandonMs on cancellation, the thread ends if it has worked for longer than this many milliseconds and has no other job
   * @returns a function that cancels the job
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
    job.source = ''; // the bytes were transferred
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
    if ('problem' in reply) {
      // After ERR_AUDIO_TOO_LONG, the thread holds as much memory as it may. After a failed import, it would not try again.
      const { problem, cause, replaceThread } = reply;
      if ((problem.code === 'ERR_AUDIO_TOO_LONG' || replaceThread) && this.#jobs.size === 0) this.#end();
      job.reject(EmotionError.from(problem, new Error(cause)));
    } else {
      const { pcm, duration, ms, decoder } = reply;
      if (pcm.samples.length > LARGE_SAMPLES && this.#jobs.size === 0) this.#end();
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

  /** A decoder that runs out of memory ends its thread: the thread's jobs fail, and the next clip gets a new thread. */
  #fail(cause: Error | undefined): void {
    for (const job of this.#jobs.values()) job.reject(threadError(cause, job.name));
    this.#jobs.clear();
    this.#end();
  }
}

/** Returns the error of a clip whose thread ended. */
function threadError(cause: Error | undefined, name: string): EmotionError {
  const descriptors = shortageIn(cause);
  if (descriptors !== undefined) return fileError(descriptors, name);
  const reason = cause === undefined ? '' : `: ${shown(withoutPaths(cause.message))}`;
  return new EmotionError('ERR_AUDIO_DECODE', `The decoder stopped while it decoded ${name}${reason}`, { cause });
}
