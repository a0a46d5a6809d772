import path from 'node:path';
import { SHARE_ENV, Worker } from 'node:worker_threads';

import { onAbort } from '../abort.js';
import { EmotionError } from '../errors.js';
import { fileError, shortageIn } from '../file-error.js';
import type { Decoder } from '../options.js';
import { shown, withoutPaths } from '../text.js';
import type { AudioBudget } from './budget.js';
import type { DecodeJob, DecodeReply, StopDecoding } from './decode-worker.js';
import type { OpenedAudio } from './formats/stretch.js';
import type { MonoClip } from './mono.js';
import type { AudioSamples } from './pcm.js';

const IDLE_MS = 10_000;
/** Samples of a clip after which its thread ends at once: what it read would stay in memory while the model runs. */
const LARGE = 2 ** 22;
/** Work that nobody wants any more is worth a new thread from here on. */
const ABANDON_MS = 1000;
/** Jobs that a thread has at once: the next one is there when it ends the first. */
const POSTED = 2;

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
  priority: number;
  signal: AbortSignal | undefined;
}

export interface Decoded extends MonoClip {
  /** Who decoded it; `builtin` for raw samples, too. */
  decoder: OpenedAudio['decoder'];
  /** Milliseconds that reading and decoding took. */
  ms: number;
}

interface Job extends DecodeRequest {
  resolve: (decoded: Decoded) => void;
  reject: (reason: unknown) => void;
  thread?: DecodeThread;
}

/** Threads that decode, started as clips come and ended after a while without any. They never keep the process alive. */
export class DecodePool {
  readonly #most: number;
  readonly #budget: AudioBudget;
  readonly #abandonMs: number;
  readonly #threads = new Set<DecodeThread>();
  /** Highest priority first, then first come, first served. */
  readonly #queue: Job[] = [];

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
   * A job that is aborted while it waits is gone at once; one that a thread has already is decoded for nobody, or takes its
   * thread along where it is long.
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
          else job.thread?.abandon(job, this.#abandonMs);
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
      if (thread === undefined) return;
      const job = this.#queue.shift()!;
      job.thread = thread;
      thread.post(job);
    }
  }

  /** The least busy thread, a new one where all are busy and there may be more. */
  #free(): DecodeThread | undefined {
    const [least] = [...this.#threads].sort((a, b) => a.jobs - b.jobs);
    if (least !== undefined && (least.jobs === 0 || (this.#threads.size >= this.#most && least.jobs < POSTED))) {
      return least;
    }
    if (this.#threads.size >= this.#most) return undefined;
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
  readonly #jobs = new Map<number, Job>();
  #idle: NodeJS.Timeout | undefined;
  #nextId = 0;
  #ended = false;
  /** When it began with what it has now. */
  #begin = 0;

  constructor(on: { onFree: () => void; onEnd: () => void }) {
    this.#on = on;
    // Decoders that print must not write into a command's output.
    this.#worker = new Worker(path.join(__dirname, 'decode-worker.js'), {
      stdout: true,
      stderr: true,
      execArgv: [],
      env: SHARE_ENV, // which ffmpeg there is
    });
    this.#worker.on('message', (reply: DecodeReply) => this.#settle(reply));
    this.#worker.on('error', (cause) => this.#lose(cause));
    this.#worker.on('exit', () => this.#lose(undefined));
  }

  get jobs(): number {
    return this.#jobs.size;
  }

  post(job: Job): void {
    clearTimeout(this.#idle);
    if (this.#jobs.size === 0) this.#begin = performance.now();
    const id = this.#nextId++;
    this.#jobs.set(id, job);
    const { source, name, maxBytes, maxSeconds, rate, decoder } = job;
    this.#worker.ref();
    this.#worker.postMessage(
      { id, source, name, maxBytes, maxSeconds, rate, decoder } satisfies DecodeJob,
      typeof source === 'string' ? [] : [('samples' in source ? source.samples : source).buffer as ArrayBuffer],
    );
    job.source = ''; // the bytes are the thread's now
  }

  /** Nobody wants its job any more. It ends where that has been long, and it has no other. */
  abandon(job: Job, afterMs: number): void {
    const id = [...this.#jobs].find(([, other]) => other === job)?.[0];
    if (id !== undefined) this.#worker.postMessage({ stop: id } satisfies StopDecoding);
    if (this.#jobs.size === 1 && performance.now() - this.#begin > afterMs) this.#end();
  }

  #settle(reply: DecodeReply): void {
    const job = this.#jobs.get(reply.id)!;
    this.#jobs.delete(reply.id);
    this.#begin = performance.now();
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
      const { pcm, durationSeconds, ms, decoder } = reply;
      if (pcm.samples.length > LARGE && this.#jobs.size === 0) this.#end();
      job.resolve({ pcm, durationSeconds, ms, decoder });
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
    for (const { reject, name } of this.#jobs.values()) reject(lossOf(cause, name));
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
