import { onAbort } from '../shared/abort.js';
import { EmotionError, isOutOfMemory } from '../shared/errors.js';
import { FairQueue, type Queued } from './fair-queue.js';
import { Metrics, type RequestStatistics } from './metrics.js';
import type { CallContext, CallOptions, Lane, Turn, TurnOptions, TurnWatcher } from './turn.js';

interface Job<C, R> extends Queued {
  lane: Lane<C, R>;
  /** Gone once the job was cancelled, so that its audio goes too. */
  clip: C | undefined;
  /** When it came, by performance.now(). */
  readonly since: number;
  readonly call: Call;
  readonly watcher: TurnWatcher | undefined;
  /** Gone once it was taken. */
  fallback: TurnOptions<C, R>['fallback'];
  /** How many went before it when its watcher was last told. */
  ahead: number;
  resolve: (turn: Turn<R>) => void;
}

/** A call under way. */
interface Call {
  readonly controller: AbortController;
  /** Its clips that the model has now. */
  running: number;
  /** Whether it ends by an error of its own, rather than by its caller, its deadline or `close`. */
  failed: boolean;
}

/**
 * Bounds the calls under way and gives their clips to the model: who is next FairQueue says. What is queued already goes
 * together where it may; nothing waits for more, unless `batchDelayMs` says so.
 */
export class Scheduler<C, R> {
  readonly metrics = new Metrics();
  readonly #maxCalls: number;
  readonly #batchDelayMs: number;
  readonly #calls = new Set<Call>();
  readonly #queue = new FairQueue<Job<C, R>>();
  /** Memory was short for them beside other batches: each is tried again when nothing else runs. */
  readonly #alone: Job<C, R>[] = [];
  /** Whether one of them runs. */
  #exclusive = false;
  /** Told when a call ends, or none is taken any more. */
  #onEnd: (() => void)[] = [];
  #batches = 0;
  /** Jobs in the queue whose places somebody wants to know. */
  #watched = 0;
  #delay: NodeJS.Timeout | undefined;
  #refusing = false;

  constructor({ maxCalls, batchDelayMs = 0 }: { maxCalls: number; batchDelayMs?: number }) {
    this.#maxCalls = maxCalls;
    this.#batchDelayMs = batchDelayMs;
  }

  /** Calls under way. */
  get pending(): number {
    return this.#calls.size;
  }

  get stats(): RequestStatistics {
    let running = 0;
    for (const call of this.#calls) running += Number(call.running > 0);
    return this.metrics.read(this.#calls.size - running, running);
  }

  /**
   * Runs a call. It settles as soon as its signal aborts or its time is up, whatever `body` is doing then.
   * @throws EmotionError ERR_QUEUE_FULL, ERR_TIMEOUT, ERR_CLOSED; the signal's reason; whatever `body` throws
   */
  async call<T>(
    body: (context: CallContext<C, R>) => Promise<T>,
    { signal, timeoutMs, priority = 0, wait = false }: CallOptions = {},
  ): Promise<T> {
    while (wait && this.#calls.size >= this.#maxCalls && !this.#refusing && !signal?.aborted) {
      await this.#nextEnd(signal);
    }
    if (this.#refusing) throw closedError();
    signal?.throwIfAborted();
    if (this.#calls.size >= this.#maxCalls) {
      this.metrics.counts.rejected++;
      throw new EmotionError(
        'ERR_QUEUE_FULL',
        `maxQueue allows ${this.#maxCalls} at once, and so many calls are under way`,
      );
    }
    const call: Call = { controller: new AbortController(), running: 0, failed: false };
    const { controller } = call;
    this.#calls.add(call);
    const unfollow = signal && onAbort(signal, () => controller.abort(signal.reason));
    const timer =
      timeoutMs === undefined
        ? undefined
        : setTimeout(
            () => controller.abort(new EmotionError('ERR_TIMEOUT', `The call took longer than ${timeoutMs} ms`)),
            timeoutMs,
          );
    try {
      const turn: CallContext<C, R>['turn'] = (...job) => this.#turn(call, priority, ...job);
      const result = await Promise.race([body({ signal: controller.signal, turn }), rejection(controller.signal)]);
      this.metrics.counts.done++;
      return result;
    } catch (error) {
      call.failed ||= !controller.signal.aborted;
      this.metrics.counts[call.failed ? 'failed' : 'cancelled']++;
      controller.abort(error); // other turns of a call that failed, which nobody waits for any more
      throw error;
    } finally {
      clearTimeout(timer);
      unfollow?.();
      this.#calls.delete(call);
      this.#ended();
    }
  }

  /** Refuses further calls, and waits for those under way. */
  async drain(): Promise<void> {
    this.#refusing = true;
    this.#ended();
    while (this.#calls.size > 0) await this.#nextEnd();
  }

  /** Refuses further calls and ends those under way with ERR_CLOSED. */
  close(): void {
    this.#refusing = true;
    clearTimeout(this.#delay);
    for (const { controller } of this.#calls) controller.abort(closedError());
    this.#ended();
  }

  #turn(
    call: Call,
    priority: number,
    ...[lane, clip, size, { watcher, fallback } = {}]: Parameters<CallContext<C, R>['turn']>
  ): Promise<Turn<R>> {
    const { signal } = call.controller;
    return new Promise<Turn<R>>((resolve, reject) => {
      if (signal.aborted) {
        reject(signal.reason as Error);
        return;
      }
      const job: Job<C, R> = {
        lane,
        clip,
        size,
        priority,
        since: performance.now(),
        call,
        watcher,
        fallback,
        ahead: -1,
        resolve: (turn) => (unfollow(), resolve(turn)),
      };
      const unfollow = onAbort(signal, () => {
        if (this.#queue.remove(job)) {
          this.#watched -= Number(watcher !== undefined);
          this.#tellPlaces();
        }
        job.clip = undefined;
        reject(signal.reason as Error);
      });
      this.#watched += Number(watcher !== undefined);
      this.#queue.push(job);
      this.#dispatch();
      this.#tellPlaces();
    });
  }

  #dispatch(): void {
    if (this.#exclusive) return;
    if (this.#alone.length > 0) {
      // Nothing else begins until they have had their turn.
      if (this.#batches > 0) return;
      const job = this.#alone.shift()!;
      this.#exclusive = true;
      void this.#run(job.lane, [job]).then(() => {
        this.#exclusive = false;
        this.#dispatch();
        this.#tellPlaces();
      });
      return;
    }
    for (let head = this.#queue.head; head !== undefined; head = this.#queue.head) {
      // A short clip is handed over while others run, so that the processors need not wait for this thread in between. A long one
      // is not: a short one that comes now would wait for it.
      const ahead = head.size <= head.lane.maxPadded ? 1 : 0;
      if (this.#batches >= head.lane.parallel + ahead || this.#waitsForMore(head)) return;
      void this.#run(head.lane, this.#queue.take(head.lane));
    }
  }

  #waitsForMore(head: Job<C, R>): boolean {
    if (this.#batchDelayMs === 0 || head.lane.maxBatch === 1) return false;
    const left = head.since + this.#batchDelayMs - performance.now();
    if (left <= 0 || this.#isFull(head)) return false;
    this.#delay ??= setTimeout(() => {
      this.#delay = undefined;
      this.#dispatch();
      this.#tellPlaces();
    }, left);
    return true;
  }

  /** Whether one more clip like the head would not fit beside its companions. */
  #isFull({ lane, size }: Job<C, R>): boolean {
    const { length } = this.#queue.companions(lane);
    return length >= lane.maxBatch || (length + 1) * size > lane.maxPadded;
  }

  #tellPlaces(): void {
    if (this.#watched === 0) return;
    let ahead = 0;
    for (const job of this.#queue) {
      if (job.watcher !== undefined && job.ahead !== ahead) job.watcher.waits((job.ahead = ahead));
      ahead++;
    }
  }

  async #run(lane: Lane<C, R>, batch: readonly Job<C, R>[]): Promise<void> {
    this.#batches++;
    for (const { call, watcher } of batch) {
      call.running++;
      this.#watched -= Number(watcher !== undefined);
      watcher?.begins();
    }
    try {
      await this.#attempt(lane, batch).catch((error: unknown) => this.#failed(lane, batch, error));
    } finally {
      for (const { call } of batch) call.running--;
      this.#batches--;
      this.#dispatch();
      this.#tellPlaces();
    }
  }

  /**
   * What is wrong with one clip is no matter of the others: each runs by itself. Where memory ran out, half of them may fit, and
   * one by itself when nothing else runs, or elsewhere.
   */
  async #failed(lane: Lane<C, R>, batch: readonly Job<C, R>[], error: unknown): Promise<void> {
    if (batch.length === 1) return this.#failedAlone(batch[0]!, error);
    const size = isOutOfMemory(error) ? Math.ceil(batch.length / 2) : 1;
    for (let i = 0; i < batch.length; i += size) {
      const part = batch.slice(i, i + size);
      await this.#attempt(lane, part).catch((reason: unknown) => this.#failed(lane, part, reason));
    }
  }

  async #failedAlone(job: Job<C, R>, error: unknown): Promise<void> {
    if (!isOutOfMemory(error) || job.clip === undefined) return fail(job, error);
    if (this.#batches > 1) {
      this.#alone.push(job);
    } else if (job.fallback !== undefined) {
      const fallback = job.fallback;
      job.fallback = undefined;
      try {
        job.lane = await fallback(error);
      } catch (reason) {
        return fail(job, reason);
      }
      if (job.clip === undefined) return; // aborted meanwhile
      this.#queue.push(job);
    } else {
      return fail(job, error);
    }
    this.#watched += Number(job.watcher !== undefined);
  }

  async #attempt(lane: Lane<C, R>, batch: readonly Job<C, R>[]): Promise<void> {
    const wanted = batch.filter(({ clip }) => clip !== undefined);
    if (wanted.length === 0) return;
    const unwanted = new AbortController();
    const unfollow = wanted.map(({ call }) =>
      onAbort(call.controller.signal, () => {
        if (wanted.every(({ clip }) => clip === undefined)) unwanted.abort();
      }),
    );
    try {
      const clips = wanted.map(({ clip }) => clip!);
      const { outputs, runMs } = await lane.run(clips, unwanted.signal);
      this.metrics.batchSize.record(clips.length);
      wanted.forEach((job, i) => job.resolve({ output: outputs[i]!, runMs }));
    } finally {
      for (const each of unfollow) each();
    }
  }

  #nextEnd(signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const unfollow = signal && onAbort(signal, resolve);
      this.#onEnd.push(() => (unfollow?.(), resolve()));
    });
  }

  #ended(): void {
    for (const listener of this.#onEnd.splice(0)) listener();
  }
}

/** Ends the job's call, whose other clips leave the queue before the next one is taken from it. */
function fail<C, R>({ call }: Job<C, R>, error: unknown): void {
  call.failed ||= !call.controller.signal.aborted;
  call.controller.abort(error);
}

function closedError(): EmotionError {
  return new EmotionError('ERR_CLOSED', 'The recognizer was closed');
}

function rejection(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    onAbort(signal, () => reject(signal.reason as Error));
  });
}
