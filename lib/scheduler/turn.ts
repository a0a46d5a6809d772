import type { EmotionError } from '../shared/errors.js';
import type { BatchLimits } from './fair-queue.js';

/** Where clips run: a loaded model, and what is wanted of it. */
export interface Lane<C, R> extends BatchLimits {
  /** Batches that the processors take at once. */
  readonly parallel: number;
  /** One output a clip, in order. When `signal` aborts, nobody wants them any more. */
  run(clips: readonly C[], signal: AbortSignal): Promise<{ outputs: R[]; runMs: number }>;
}

export interface Turn<R> {
  output: R;
  /** Milliseconds in the model; a batch's count in full for each of its clips. */
  runMs: number;
}

/** What becomes of a turn that is waited for. */
export interface TurnWatcher {
  /** `ahead` others go first. Told each time that this changes. */
  waits: (ahead: number) => void;
  begins: () => void;
}

/** What may be said of a turn. */
export interface TurnOptions<C, R> {
  watcher?: TurnWatcher | undefined;
  /** Where the clip goes on when it runs out of memory, even alone. Once; rejects where there is no such place. */
  fallback?: ((error: EmotionError) => Promise<Lane<C, R>>) | undefined;
}

export interface CallContext<C, R> {
  /** Aborts when the call's deadline passes, its caller aborts or the scheduler closes. */
  signal: AbortSignal;
  /** Waits for the clip's turn and runs it. `size`: samples. Rejects as soon as `signal` aborts. */
  turn: (lane: Lane<C, R>, clip: C, size: number, options?: TurnOptions<C, R>) => Promise<Turn<R>>;
}

export interface CallOptions {
  signal?: AbortSignal | undefined;
  timeoutMs?: number | undefined;
  /** Default 0. */
  priority?: number | undefined;
  /** Wait for room instead of ERR_QUEUE_FULL. Default false. */
  wait?: boolean | undefined;
}
