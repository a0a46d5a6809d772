/** What happens to models, for whoever subscribes with node:diagnostics_channel. */
import { channel } from 'node:diagnostics_channel';

/** On `emotion2vec-node:load`, when a model is loaded. */
export interface LoadEvent {
  /** Of the model's card. */
  model: string;
  file: string;
  precision: string;
  device: string;
  /** Intra-op threads of a run, and runs at once. */
  threads: number;
  parallel: number;
  /** Milliseconds, libtorch's own loading included. */
  ms: number;
}

/** On `emotion2vec-node:unload`, when a recognizer has given its model up. */
export interface UnloadEvent {
  model: string;
  file: string;
  reason: 'idle' | 'unload' | 'close';
}

/**
 * On `emotion2vec-node:run`, after each run of a model; on `emotion2vec-node:slow-run` too, when it took more than a second and
 * longer than its audio lasts.
 */
export interface RunEvent {
  model: string;
  clips: number;
  audioMs: number;
  runMs: number;
}

export const events = {
  load: channel('emotion2vec-node:load'),
  unload: channel('emotion2vec-node:unload'),
  run: channel('emotion2vec-node:run'),
  slowRun: channel('emotion2vec-node:slow-run'),
} as const;
