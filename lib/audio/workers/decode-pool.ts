import { onAbort } from '../../shared/abort.js';
import type { AudioBudget } from '../budget.js';
import { type Decoded, type DecodeRequest, DecodeThread, type Job, STUCK_MS } from './decode-thread.js';

/** Work that nobody wants any more is worth a new thread from here on. */
const ABANDON_MS = 1000;
/** Threads that may come on top for those that are stuck. */
const EXTRA = 4;

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
        clearTimeout(this.#retry); // whether a thread is stuck shows in time
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
