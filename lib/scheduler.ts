import { EmotionError } from './errors.js';

export interface CallContext {
  /** Aborts when the call's deadline passes, its caller aborts or the scheduler closes. */
  signal: AbortSignal;
  /** Waits for the model's turn and runs `job` in it. */
  turn: <T>(job: () => Promise<T>) => Promise<T>;
}

export interface SchedulerStats {
  /** Calls under way that wait: for audio, for the model or for their turn. */
  queued: number;
  /** Calls whose clip is in the model now. */
  running: number;
  done: number;
  failed: number;
  /** Refused because the queue was full. */
  rejected: number;
  /** Ended by their signal or their deadline. */
  cancelled: number;
}

/** Bounds the calls under way and gives each its turn at the model, first come first served. */
export class Scheduler {
  readonly #limit: number;
  readonly #calls = new Set<AbortController>();
  #lastTurn: Promise<unknown> = Promise.resolve();
  #closed = false;
  #running = 0;
  readonly #counts = { done: 0, failed: 0, rejected: 0, cancelled: 0 };

  constructor(limit: number) {
    this.#limit = limit;
  }

  get pending(): number {
    return this.#calls.size;
  }

  get stats(): SchedulerStats {
    return { queued: this.#calls.size - this.#running, running: this.#running, ...this.#counts };
  }

  /**
   * Runs a call. It settles as soon as its signal aborts or its time is up, whatever `body` is doing then.
   * @throws EmotionError ERR_QUEUE_FULL, ERR_TIMEOUT, ERR_CLOSED; the signal's reason; whatever `body` throws
   */
  async call<T>(body: (context: CallContext) => Promise<T>, signal?: AbortSignal, timeoutMs?: number): Promise<T> {
    if (this.#closed) throw closedError();
    signal?.throwIfAborted();
    if (this.#calls.size >= this.#limit) {
      this.#counts.rejected++;
      throw new EmotionError('ERR_QUEUE_FULL', `${this.#limit} calls are under way, as many as maxQueue allows`);
    }
    const controller = new AbortController();
    this.#calls.add(controller);
    const onAbort = () => controller.abort(signal?.reason);
    signal?.addEventListener('abort', onAbort, { once: true });
    const timer =
      timeoutMs === undefined
        ? undefined
        : setTimeout(
            () => controller.abort(new EmotionError('ERR_TIMEOUT', `The call took longer than ${timeoutMs} ms`)),
            timeoutMs,
          );
    try {
      const context = {
        signal: controller.signal,
        turn: <R>(job: () => Promise<R>) => this.#turn(job, controller.signal),
      };
      const result = await Promise.race([body(context), rejection(controller.signal)]);
      this.#counts.done++;
      return result;
    } catch (error) {
      this.#counts[controller.signal.aborted ? 'cancelled' : 'failed']++;
      throw error;
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
      this.#calls.delete(controller);
    }
  }

  /** Refuses further calls and ends those under way with ERR_CLOSED. */
  close(): void {
    this.#closed = true;
    for (const controller of this.#calls) controller.abort(closedError());
  }

  async #turn<T>(job: () => Promise<T>, signal: AbortSignal): Promise<T> {
    const mine = this.#lastTurn.then(async () => {
      signal.throwIfAborted(); // cancelled while it waited: the model never sees it
      this.#running++;
      try {
        return await job();
      } finally {
        this.#running--;
      }
    });
    this.#lastTurn = mine.catch(() => undefined);
    return mine;
  }
}

function closedError(): EmotionError {
  return new EmotionError('ERR_CLOSED', 'The recognizer was closed');
}

function rejection(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
  });
}
