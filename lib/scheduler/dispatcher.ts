import { onAbort } from '../shared/abort.js';
import { isOutOfMemory } from '../shared/errors.js';
import { FairQueue, type Queued } from './fair-queue.js';
import type { BatchRunner, RunObserver, RunOptions, RunResult } from './run.js';

/** A request under way, as the dispatcher sees it. */
export interface Request {
  readonly controller: AbortController;
  readonly priority: number;
  /** Number of its clips that are in the model. */
  running: number;
  /** Whether the request ended with an error of its own, rather than by its caller, its deadline or `close`. */
  failed: boolean;
}

/** A clip that waits for a slot or is in the model. */
interface Job<C, R> extends Queued {
  batchKey: BatchRunner<C, R>;
  /** Undefined once the job was cancelled, so that its audio can be freed. */
  clip: C | undefined;
  /** Time of arrival, by performance.now(). */
  readonly arrivedAt: number;
  readonly request: Request;
  readonly observer: RunObserver | undefined;
  /** Undefined once it has been used. */
  fallback: RunOptions<C, R>['fallback'];
  /** The number of jobs ahead that the observer was last notified of. */
  ahead: number;
  resolve: (result: RunResult<R>) => void;
}

/**
 * Forms batches of queued clips and gives them slots of their runners. FairQueue decides the order. A batch holds clips that are
 * queued already; none waits for more clips, unless `batchDelayMs` allows it.
 */
export class Dispatcher<C, R> {
  readonly #batchDelayMs: number;
  readonly #onBatch: (size: number) => void;
  readonly #queue = new FairQueue<Job<C, R>>();
  /** Jobs that ran out of memory while other batches ran. Each is retried when nothing else runs. */
  readonly #retryAlone: Job<C, R>[] = [];
  /** Whether a job of `#retryAlone` runs. */
  #exclusive = false;
  /** Number of batches that run. */
  #batches = 0;
  /** Number of queued jobs that have an observer. */
  #observed = 0;
  #delay: NodeJS.Timeout | undefined;

  /** @param onBatch called with the number of clips of each batch that has run */
  constructor({ batchDelayMs, onBatch }: { batchDelayMs: number; onBatch: (size: number) => void }) {
    this.#batchDelayMs = batchDelayMs;
    this.#onBatch = onBatch;
  }

  /** Queues a clip and runs it. Rejects as soon as the request aborts. */
  run(
    request: Request,
    runner: BatchRunner<C, R>,
    clip: C,
    size: number,
    { observer, fallback }: RunOptions<C, R> = {},
  ): Promise<RunResult<R>> {
    const { signal } = request.controller;
    return new Promise<RunResult<R>>((resolve, reject) => {
      if (signal.aborted) {
        reject(signal.reason as Error);
        return;
      }
      const job: Job<C, R> = {
        batchKey: runner,
        clip,
        size,
        priority: request.priority,
        arrivedAt: performance.now(),
        request,
        observer,
        fallback,
        ahead: -1,
        resolve: (result) => (unfollow(), resolve(result)),
      };
      const unfollow = onAbort(signal, () => {
        if (this.#queue.remove(job)) {
          this.#observed -= Number(observer !== undefined);
          this.#notifyQueued();
        }
        job.clip = undefined;
        reject(signal.reason as Error);
      });
      this.#observed += Number(observer !== undefined);
      this.#queue.push(job);
      this.#dispatch();
    });
  }

  /** Stops the timer of a batch that waits for more clips. */
  stop(): void {
    clearTimeout(this.#delay);
  }

  /** Starts all batches that may start now. */
  #dispatch(): void {
    this.#fillSlots();
    this.#notifyQueued();
  }

  #fillSlots(): void {
    if (this.#exclusive) return;
    if (this.#retryAlone.length > 0) {
      // Nothing else starts until they have run.
      if (this.#batches > 0) return;
      const job = this.#retryAlone.shift()!;
      this.#exclusive = true;
      void this.#runBatch(job.batchKey, [job]).then(() => {
        this.#exclusive = false;
        this.#dispatch();
      });
      return;
    }
    for (let head = this.#queue.head; head !== undefined; head = this.#queue.head) {
      const runner = head.batchKey;
      // One short clip is handed over while the slots are taken, so that the processors need not wait for this thread in between.
      // A long clip is not: a short one that arrives now would have to wait for it.
      const spare = head.size <= runner.maxPadded ? 1 : 0;
      if (this.#batches >= runner.parallel + spare || this.#waitsForMore(head)) return;
      void this.#runBatch(runner, this.#queue.take(runner));
    }
  }

  #waitsForMore(head: Job<C, R>): boolean {
    if (this.#batchDelayMs === 0 || head.batchKey.maxBatch === 1) return false;
    const left = head.arrivedAt + this.#batchDelayMs - performance.now();
    if (left <= 0 || this.#isFull(head)) return false;
    this.#delay ??= setTimeout(() => {
      this.#delay = undefined;
      this.#dispatch();
    }, left);
    return true;
  }

  /** Returns whether the next batch has no room for one more clip of the size of its head. */
  #isFull({ batchKey: runner, size }: Job<C, R>): boolean {
    const { length } = this.#queue.nextBatch(runner);
    return length >= runner.maxBatch || (length + 1) * size > runner.maxPadded;
  }

  /** Notifies the observers of queued jobs whose place in the queue has changed. */
  #notifyQueued(): void {
    if (this.#observed === 0) return;
    let ahead = 0;
    for (const job of this.#queue) {
      if (job.observer !== undefined && job.ahead !== ahead) job.observer.onQueued((job.ahead = ahead));
      ahead++;
    }
  }

  async #runBatch(runner: BatchRunner<C, R>, batch: readonly Job<C, R>[]): Promise<void> {
    this.#batches++;
    for (const { request, observer } of batch) {
      request.running++;
      this.#observed -= Number(observer !== undefined);
      observer?.onStart();
    }
    try {
      await this.#attempt(runner, batch).catch((error: unknown) => this.#batchFailed(runner, batch, error));
    } finally {
      for (const { request } of batch) request.running--;
      this.#batches--;
      this.#dispatch();
    }
  }

  /**
   * Retries the clips of a batch that failed, so that one bad clip does not fail the others: each alone, or, if memory ran out,
   * half of the batch at a time.
   */
  async #batchFailed(runner: BatchRunner<C, R>, batch: readonly Job<C, R>[], error: unknown): Promise<void> {
    if (batch.length === 1) return this.#clipFailed(batch[0]!, error);
    const size = isOutOfMemory(error) ? Math.ceil(batch.length / 2) : 1;
    for (let i = 0; i < batch.length; i += size) {
      const part = batch.slice(i, i + size);
      await this.#attempt(runner, part).catch((reason: unknown) => this.#batchFailed(runner, part, reason));
    }
  }

  /**
   * Fails a clip that was in a batch of its own. A clip that ran out of memory first gets the processor alone, then its fallback.
   */
  async #clipFailed(job: Job<C, R>, error: unknown): Promise<void> {
    if (!isOutOfMemory(error) || job.clip === undefined) return fail(job, error);
    if (this.#batches > 1) {
      this.#retryAlone.push(job);
    } else if (job.fallback !== undefined) {
      const { fallback } = job;
      job.fallback = undefined;
      try {
        job.batchKey = await fallback(error);
      } catch (reason) {
        return fail(job, reason);
      }
      if (job.clip === undefined) return; // aborted in the meantime
      this.#queue.push(job);
    } else {
      return fail(job, error);
    }
    this.#observed += Number(job.observer !== undefined);
  }

  async #attempt(runner: BatchRunner<C, R>, batch: readonly Job<C, R>[]): Promise<void> {
    const jobs = batch.filter(({ clip }) => clip !== undefined);
    if (jobs.length === 0) return;
    const controller = new AbortController();
    const unfollow = jobs.map(({ request }) =>
      onAbort(request.controller.signal, () => {
        if (jobs.every(({ clip }) => clip === undefined)) controller.abort();
      }),
    );
    try {
      const clips = jobs.map(({ clip }) => clip!);
      const { outputs, runMs } = await runner.run(clips, controller.signal);
      this.#onBatch(clips.length);
      jobs.forEach((job, i) => job.resolve({ output: outputs[i]!, runMs }));
    } finally {
      for (const each of unfollow) each();
    }
  }
}

/** Aborts the request of a job. Its other clips leave the queue before the next batch is taken from it. */
function fail<C, R>({ request }: Job<C, R>, error: unknown): void {
  request.failed ||= !request.controller.signal.aborted;
  request.controller.abort(error);
}
