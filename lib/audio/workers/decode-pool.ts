import { onAbort } from '../../shared/abort.js';
import type { AudioBudget } from '../budget.js';
import { type Decoded, type DecodeRequest, DecodeThread, type Job, STUCK_MS } from './decode-thread.js';

/** Milliseconds of work on a cancelled job after which replacing the thread is cheaper than waiting for it. */
const ABANDON_MS = 1000;
/** Maximum number of additional threads that are started in place of stuck ones. */
const MAX_EXTRA = 4;

/**
 * Worker threads that decode. They are started on demand and end after a while without work. They do not keep the process alive
 * while they are idle.
 */
export class DecodePool {
  readonly #maxThreads: number;
  readonly #budget: AudioBudget;
  readonly #abandonMs: number;
  readonly #threads = new Set<DecodeThread>();
  /** Sorted by priority, highest first, then by arrival. */
  readonly #queue: Job[] = [];
  #retry: NodeJS.Timeout | undefined;

  /**
   * @param maxThreads maximum number of threads, apart from replacements of stuck ones
   * @param budget while it is full, clips wait and stay encoded
   * @param abandonMs on cancellation, a thread ends if it has worked on the job for longer than this
   */
  constructor(maxThreads: number, budget: AudioBudget, abandonMs = ABANDON_MS) {
    this.#abandonMs = abandonMs;
    this.#maxThreads = maxThreads;
    this.#budget = budget;
    budget.onRoom(() => this.#pump());
  }

  /**
   * Decodes a clip. An aborted job that still waits is removed at once. If a thread already has it, the job ends with its next
   * step; a thread that has worked on it for a long time ends with it.
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

  /** Number of threads at present. */
  get threads(): number {
    return this.#threads.size;
  }

  #pump(): void {
    while (this.#queue.length > 0 && !this.#budget.full) {
      const thread = this.#free();
      if (thread === undefined) {
        for (const busy of this.#threads) busy.offer();
        clearTimeout(this.#retry); // whether a thread is stuck shows only after a while
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

  /** Returns an idle thread, or a new one if the limit allows it. */
  #free(): DecodeThread | undefined {
    const threads = [...this.#threads];
    const idle = threads.find(({ jobs }) => jobs === 0);
    if (idle !== undefined) return idle;
    const stuck = threads.filter((thread) => thread.stuck).length;
    if (threads.length >= this.#maxThreads + Math.min(MAX_EXTRA, stuck)) return undefined;
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
