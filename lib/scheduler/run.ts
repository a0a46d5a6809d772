import type { EmotionError } from '../shared/errors.js';
import type { BatchLimits } from './fair-queue.js';

/**
 * Runs batches of clips: a loaded model, together with the outputs that are requested of it. It is the batch key of its clips:
 * only clips of the same runner share a batch.
 */
export interface BatchRunner<C, R> extends BatchLimits {
  /** Number of batches that the processors execute at once. */
  readonly parallel: number;
  /** Returns one output per clip, in order. `signal` aborts when no output is needed any more. */
  run(clips: readonly C[], signal: AbortSignal): Promise<{ outputs: R[]; runMs: number }>;
}

/** The result of running one clip. */
export interface RunResult<R> {
  output: R;
  /** Milliseconds in the model. The time of a batch counts in full for each of its clips. */
  runMs: number;
}

/** Follows a clip from the queue into the model. */
export interface RunObserver {
  /** Called with the number of clips ahead in the queue, each time this number changes. */
  onQueued: (ahead: number) => void;
  onStart: () => void;
}

export interface RunOptions<C, R> {
  observer?: RunObserver | undefined;
  /**
   * Returns the runner that continues with a clip that runs out of memory even when it runs alone. Called once at most; rejects
   * if there is no such runner.
   */
  fallback?: ((error: EmotionError) => Promise<BatchRunner<C, R>>) | undefined;
}

/** Passed to the body of a request by the scheduler. */
export interface RequestContext<C, R> {
  /** Aborts when the deadline of the request passes, its caller aborts, or the scheduler closes. */
  signal: AbortSignal;
  /** Queues a clip and runs it. `size` is its number of samples. Rejects as soon as `signal` aborts. */
  run: (runner: BatchRunner<C, R>, clip: C, size: number, options?: RunOptions<C, R>) => Promise<RunResult<R>>;
}

export interface RequestOptions {
  signal?: AbortSignal | undefined;
  timeoutMs?: number | undefined;
  /** Default 0. */
  priority?: number | undefined;
  /** Whether to wait for room instead of rejecting with ERR_QUEUE_FULL. Default false. */
  wait?: boolean | undefined;
}
