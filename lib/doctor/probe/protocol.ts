/** The messages between the doctor (probe.ts) and the processes that it starts (probe-worker.ts). */
import type { CudaDriver } from '../../native/binding.js';
import type { Problem } from '../../shared/errors.js';

export type ProbeJob = { kind: 'loader' } | { kind: 'recognition'; model: string; device: string };

/** The step that a probe has reached. After a crash, it shows what failed. */
export type Stage =
  | 'start' // of Node
  | 'loader' // the loader addon
  | 'driver' // NVIDIA's
  | 'libtorch' // libtorch and the main addon
  | 'model'
  | 'clip'
  | 'exit';

export type ProbeReply =
  | { kind: 'stage'; stage: Stage }
  | { kind: 'report'; report: Partial<LoaderReport> | Partial<RecognitionReport> }
  | { kind: 'problem'; problem: Problem };

export interface LoaderReport {
  /** Version of libtorch that the main addon was built for. */
  libtorchVersion: string;
  usableCpus: number;
  /** Includes the memory that the probe itself used. */
  memory: { availableBytes: number; limitBytes: number | null };
  driver: CudaDriver;
}

export interface RecognitionReport {
  /** Milliseconds until libtorch and the addon were loaded. */
  libtorchMs: number;
  /** Milliseconds from then until the model was loaded and had run once. */
  modelMs: number;
  /** Milliseconds for a clip: the median of several runs. */
  clipMs: number;
  /** Duration of that clip. */
  clipSeconds: number;
  /** Maximum resident memory of the process. */
  peakBytes: number;
  device: string;
  precision: string;
  threads: number;
  /** Scores of the clip. NaN becomes null on its way through JSON. */
  scores: Record<string, number | null>;
}

/** How a probe ended, and what it had reported before that. */
export type Outcome<T> =
  | { end: 'done'; report: T }
  | { end: 'failed'; stage: Stage; problem: Problem; report: Partial<T> }
  /** `stderr`: the end of what it wrote there. */
  | { end: 'crashed'; stage: Stage; signal: string | null; status: number | null; stderr: string; report: Partial<T> }
  | { end: 'hung'; stage: Stage; seconds: number; report: Partial<T> }
  | Skipped;

/** The probe was not started. */
export interface Skipped {
  end: 'skipped';
  /** The reason. Its `what` continues "not tried: ". */
  problem: Problem;
  report: Record<string, never>;
}
