import path from 'node:path';
import { Worker } from 'node:worker_threads';

import { onAbort } from '../abort.js';
import { EmotionError } from '../errors.js';
import type { AudioBudget } from './budget.js';
import type { DecodeJob, DecodeReply, OfferDecoding, ReadyToDecode, StopDecoding } from './decode-worker.js';
import type { MonoClip } from './mono.js';
import type { Pcm } from './pcm.js';
import type { RawFormat } from './raw.js';

const IDLE_MS = 10_000;
/** Samples of a clip after which its thread ends at once: what it read would stay in memory while the model runs. */
const LARGE = 2 ** 22;
/** Work that nobody wants any more is worth a new thread from here on. */
const ABANDON_MS = 1000;
/** Jobs that a thread has at once; what each holds is bounded by what long ones have had before they wait for each other. */
const OPEN = 16;
/** A thread that has done no step for so long is inside of a decoder. */
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
        for (const busy of this.#threads) busy.offer();
        clearTimeout(this.#retry); // whether a thread is stuck, only time tells
        this.#retry = setTimeout(() => this.#pump(), STUCK_MS).unref();
        return;
      }
      this.#post(thread);
    }
  }

  #post(thread: DecodeThread): void {
    const job = this.#queue.shift()!;
    job.stop = thread.post(job, this.#abandonMs);
  }

  /** One with nothing to do, or a new one where there may be more. */
  #free(): DecodeThread | undefined {
    const threads = [...this.#threads];
    const idle = threads.find(({ jobs }) => jobs === 0);
    if (idle !== undefined) return idle;
    const stuck = threads.filter((thread) => thread.stuck).length;
    if (threads.length >= this.#most + Math.min(EXTRA, stuck)) return undefined;
    const thread: DecodeThread = new DecodeThread({
      onFree: () => this.#pump(),
      onReady: () => {
        if (this.#queue.length > 0 && !this.#budget.full) this.#post(thread);
        this.#pump();
      },
      onEnd: () => {
        this.#threads.delete(thread);
        this.#pump();
      },
    });
    this.#threads.add(thread);
    return thread;
  }
}

interface ThreadEvents {
  /** A job was settled. */
  onFree: () => void;
  /** It takes what it was offered: a new job would go on at once. */
  onReady: () => void;
  onEnd: () => void;
}

class DecodeThread {
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
    const job = this.#jobs.get(reply.id)!;
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
    for (const job of this.#jobs.values()) {
      const what = `The decoder stopped in the middle of the clip${cause === undefined ? '' : `: ${cause.message}`}`;
      job.reject(new EmotionError('ERR_AUDIO_DECODE', what, { cause }));
    }
    this.#jobs.clear();
    this.#end();
  }
}
