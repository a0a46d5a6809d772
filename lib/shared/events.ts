/** What happens to models, for whoever subscribes with node:diagnostics_channel. */
import { channel } from 'node:diagnostics_channel';

import type { ResolvedDevice, ResolvedPrecision } from './resolved.js';

/** On `emotion2vec-node:load`, when a model is loaded. */
export interface LoadEvent {
  /** Of the model's card. */
  model: string;
  file: string;
  precision: ResolvedPrecision;
  device: ResolvedDevice;
  /** Intra-op threads of a run, and runs at once. */
  threads: number;
  parallel: number;
  /** Milliseconds that loading took, including that of libtorch itself the first time. */
  loadMs: number;
}

/** On `emotion2vec-node:unload`, when a recognizer has given its model up. */
export interface UnloadEvent {
  model: string;
  file: string;
  /** `moved`: to the CPU, since memory of its device ran out. */
  reason: 'idle' | 'unload' | 'close' | 'moved';
}

/** On `emotion2vec-node:device`, when `device: 'auto'` does not take CUDA, or leaves it. */
export interface DeviceEvent {
  file: string;
  /** Where the model runs instead. */
  device: 'cpu';
  /** Why, and what can be done about it: a sentence each. */
  reason: string;
  remedy: string;
  /** Whether there is a device, or its driver, that is not used. */
  hardware: boolean;
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
  device: channel('emotion2vec-node:device'),
  run: channel('emotion2vec-node:run'),
  slowRun: channel('emotion2vec-node:slow-run'),
} as const;
