/** What the doctor and the processes that it sends ahead say to each other: probe.ts is the one side, probe-worker.ts the other. */
import type { CudaDriver } from '../../native/binding.js';
import type { Problem } from '../finding.js';

export type ProbeJob = { kind: 'loader' } | { kind: 'recognition'; model: string; device: string };

/** What a probe is at. A crash is told by the stage that it came in. */
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
  /** That the main addon was built for. */
  libtorchVersion: string;
  usableCpus: number;
  /** Of which this process has given back what it had itself. */
  memory: { availableBytes: number; limitBytes: number | null };
  driver: CudaDriver;
}

export interface RecognitionReport {
  /** Until libtorch and the addon were open. */
  libtorchMs: number;
  /** From then on until the model was loaded and had run once. */
  modelMs: number;
  /** Of a clip: the median of some. */
  clipMs: number;
  clipSeconds: number;
  /** The most that the process had resident. */
  peakBytes: number;
  device: string;
  precision: string;
  threads: number;
  /** Of the clip; null is what JSON makes of NaN. */
  scores: Record<string, number | null>;
}

/** How a probe ended, and what it had reported by then. */
export type Outcome<T> =
  | { end: 'done'; report: T }
  | { end: 'failed'; stage: Stage; problem: Problem; report: Partial<T> }
  /** `words`: the end of what it wrote to stderr. */
  | { end: 'crashed'; stage: Stage; signal: string | null; status: number | null; words: string; report: Partial<T> }
  | { end: 'hung'; stage: Stage; seconds: number; report: Partial<T> }
  | Skipped;

/** Why something is not tried, where memory is too little. */
export const NO_MEMORY = 'too little memory';

/** Not tried. */
export interface Skipped {
  end: 'skipped';
  /** A sentence without a full stop, which continues "not tried: ". */
  why: string;
  report: Record<string, never>;
}
