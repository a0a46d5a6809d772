import path from 'node:path';
import { Worker } from 'node:worker_threads';

import { onAbort } from '../abort.js';
import { EmotionError } from '../errors.js';
import type { AudioBudget } from './budget.js';
import type { DecodeJob, DecodeReply, StopDecoding } from './decode-worker.js';
import type { MonoClip } from './mono.js';
import type { Pcm } from './pcm.js';
import type { RawFormat } from './raw.js';

const IDLE_MS = 10_000;
/** Samples of a clip after which its thread ends at once: what it read would stay in memory while the model runs. */
const LARGE = 2 ** 22;
/** Work that nobody wants any more is worth a new thread from here on. */
const ABANDON_MS = 1000;
/** A job that has taken so long is a slow one: its thread takes others, which go on by turns. */
const SLOW_MS = 50;
/** Slow jobs that a thread has at once; what each holds is bounded by what a thread decodes in half a second. */
const OPEN = 16;
/** A thread that has done no step for so long is inside of a decoder, and takes no others. */
const STUCK_MS = 300;
/** Threads that may come on top for those that are stuck. */
const EXTRA = 4;
/** Of JavaScript objects, in a thread: tables that a broken file makes a decoder build. Samples are none. */
const HEAP_MB = 512;

export interface DecodeRequest {
  /** A path, or bytes or samples that nobody else has: they move to the thread. */
  source: string | Uint8Array | Pcm;
  /** Of the clip, in errors. */
  name: string;
  /** Decoding ends with ERR_AUDIO_TOO_LONG where there is more. */
  maxSeconds: number;
  /** Hz that the clip gets; its own where undefined. */
  rate?: number | undefined;
  /** Bytes without a header. */
  raw?: RawFormat | undefined;
  priority: number;
  signal: AbortSignal | undefined;
}

export interface Decoded extends MonoClip {
  /** Milliseconds that reading and decoding took. */
  ms: number;
}

interface Job extends DecodeRequest {
  resolve: (decoded: Decoded) => void;
  reject: (reason: unknown) => void;
  /** Set while a thread has it. */
  stop?: () => void;
}

/** Threads that decode, started as clips come and ended after a while without any. They never keep the process alive. */
export class DecodePool {
  readonly #most: number;
  readonly #budget: AudioBudget;
  readonly #abandonMs: number;
  readonly #threads = new Set<DecodeThread>();
  /** Highest priority first, then first come, first served. */
  readonly #queue: Job[] = [];
  #retry: NodeJS.Timeout | undefined;

  /**
   * @param most threads
   * @param budget while it is full, clips stay encoded and wait
   * @param abandonMs a thread that has worked so long for nobody ends
   */
  constructor(most: number, budget: AudioBudget, abandonMs = ABANDON_MS) {
    this.#abandonMs = abandonMs;
    this.#most = most;
    this.#budget = budget;
    budget.onRoom(() => this.#pump());
  }

  /**
   * A job that is aborted while it waits is gone at once; one that a thread has already ends with its next step, or takes its
   * thread along where that is long.
   * @throws EmotionError as decodeAudio; the signal's reason
   */
  decode(request: DecodeRequest): Promise<Decoded> {
    const { priority, signal } = request;
    return new Promise<Decoded>((resolve, reject) => {
      const job: Job = {
        ...request,
        resolve: (decoded) => (unfollow?.(), resolve(decoded)),
        reject: (reason) => (unfollow?.(), reject(reason)),
      };
      const unfollow =
        signal &&
        onAbort(signal, () => {
          const index = this.#queue.indexOf(job);
          if (index >= 0) this.#queue.splice(index, 1);
          else job.stop?.();
          reject(signal.reason as Error);
        });
      const later = this.#queue.findIndex((other) => other.priority < priority);
      this.#queue.splice(later < 0 ? this.#queue.length : later, 0, job);
      this.#pump();
    });
  }

  /** That are there now. */
  get threads(): number {
    return this.#threads.size;
  }

  #pump(): void {
    while (this.#queue.length > 0 && !this.#budget.full) {
      const thread = this.#free();
      if (thread === undefined) {
        // Whether a thread has become slow or stuck, only time tells.
        clearTimeout(this.#retry);
        this.#retry = setTimeout(() => this.#pump(), SLOW_MS).unref();
        return;
      }
      const job = this.#queue.shift()!;
      job.stop = thread.post(job, this.#abandonMs);
    }
  }

  /** One with nothing to do, a new one where there may be more, else one whose jobs are all slow and take turns. */
  #free(): DecodeThread | undefined {
    const threads = [...this.#threads].sort((a, b) => a.jobs - b.jobs);
    const [least] = threads;
    if (least?.jobs === 0) return least;
    const stuck = threads.filter((thread) => thread.stuck).length;
    if (threads.length >= this.#most + Math.min(EXTRA, stuck)) {
      return threads.find((thread) => !thread.stuck && thread.takesMore);
    }
    const thread: DecodeThread = new DecodeThread({
      onFree: () => this.#pump(),
      onEnd: () => {
        this.#threads.delete(thread);
        this.#pump();
      },
    });
    this.#threads.add(thread);
    return thread;
  }
}

class DecodeThread {
  readonly #worker: Worker;
  readonly #on: { onFree: () => void; onEnd: () => void };
  readonly #jobs = new Map<number, { job: Job; since: number }>();
  /** When it last did a step, in milliseconds; 0 before the first. */
  readonly #lastStep = new Float64Array(new SharedArrayBuffer(Float64Array.BYTES_PER_ELEMENT));
  #idle: NodeJS.Timeout | undefined;
  #nextId = 0;
  #ended = false;

  constructor(on: { onFree: () => void; onEnd: () => void }) {
    this.#on = on;
    // Decoders that print must not write into a command's output.
    this.#worker = new Worker(path.join(__dirname, 'decode-worker.js'), {
      stdout: true,
      stderr: true,
      execArgv: [],
      workerData: this.#lastStep,
      resourceLimits: { maxOldGenerationSizeMb: HEAP_MB },
    });
    this.#worker.on('message', (reply: DecodeReply) => this.#settle(reply));
    this.#worker.on('error', (cause) => this.#lose(cause));
    this.#worker.on('exit', () => this.#lose(undefined));
  }

  get jobs(): number {
    return this.#jobs.size;
  }

  /** That one more job would not wait for the end of another: those that are there are slow ones, and take turns. */
  get takesMore(): boolean {
    if (this.#jobs.size >= OPEN || this.#silence > SLOW_MS) return false;
    const now = performance.now();
    return [...this.#jobs.values()].every(({ since }) => now - since >= SLOW_MS);
  }

  get stuck(): boolean {
    const now = performance.now();
    return this.#silence > STUCK_MS && [...this.#jobs.values()].some(({ since }) => now - since > STUCK_MS);
  }

  /** Milliseconds since its last step; 0 before the first. */
  get #silence(): number {
    const last = this.#lastStep[0]!;
    return last === 0 ? 0 : Date.now() - last;
  }

  /**
   * @returns what stops it, where nobody wants it any more
   * @param abandonMs the thread ends where it has worked so long, and has no other job
   */
  post(job: Job, abandonMs: number): () => void {
    clearTimeout(this.#idle);
    const id = this.#nextId++;
    const since = performance.now();
    this.#jobs.set(id, { job, since });
    const { source, name, maxSeconds, rate, raw } = job;
    this.#worker.ref();
    this.#worker.postMessage(
      { id, source, name, maxSeconds, rate, raw } satisfies DecodeJob,
      typeof source === 'string' ? [] : [('samples' in source ? source.samples : source).buffer as ArrayBuffer],
    );
    job.source = ''; // the bytes are the thread's now
    return () => {
      if (!this.#jobs.has(id)) return;
      if (this.#jobs.size === 1 && performance.now() - since > abandonMs) this.#end();
      else this.#worker.postMessage({ stop: id } satisfies StopDecoding);
    };
  }

  #settle(reply: DecodeReply): void {
    const { job } = this.#jobs.get(reply.id)!;
    this.#jobs.delete(reply.id);
    if (this.#jobs.size === 0) {
      this.#worker.unref();
      this.#idle = setTimeout(() => this.#end(), IDLE_MS).unref();
    }
    if ('code' in reply) {
      if (reply.code === 'ERR_AUDIO_TOO_LONG' && this.#jobs.size === 0) this.#end(); // it read as much as may be
      job.reject(new EmotionError(reply.code, reply.what, { cause: new Error(reply.cause) }));
    } else {
      const { pcm, durationSeconds, ms } = reply;
      if (pcm.samples.length > LARGE && this.#jobs.size === 0) this.#end();
      job.resolve({ pcm, durationSeconds, ms });
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
    for (const { job } of this.#jobs.values()) {
      const what = `The decoder stopped in the middle of the clip${cause === undefined ? '' : `: ${cause.message}`}`;
      job.reject(new EmotionError('ERR_AUDIO_DECODE', what, { cause }));
    }
    this.#jobs.clear();
    this.#end();
  }
}
