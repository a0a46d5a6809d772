/** The diagnostics channels of this package and their messages. Programs subscribe by name with `node:diagnostics_channel`. */
import { channel } from 'node:diagnostics_channel';

import type { ResolvedDevice, ResolvedPrecision } from './resolved.js';

/** Message on `emotion2vec-node:load`, published when a model has loaded. */
export interface LoadEvent {
  /** Name on the model card. */
  model: string;
  /** Path of the archive. */
  file: string;
  /** Precision that the linear layers compute in. */
  precision: ResolvedPrecision;
  /** Device that the model runs on. */
  device: ResolvedDevice;
  /** Number of intra-op threads of a run. */
  threads: number;
  /** Number of runs that the device executes at once. */
  parallel: number;
  /** Milliseconds that loading took. The first load includes opening libtorch itself. */
  loadMs: number;
}

/** Message on `emotion2vec-node:unload`, published when a recognizer has unloaded its model. */
export interface UnloadEvent {
  /** Name on the model card. */
  model: string;
  /** Path of the archive. */
  file: string;
  /** Why it was unloaded. `moved`: its device ran out of memory, and the model loads again on the CPU. */
  reason: 'idle' | 'unload' | 'close' | 'moved';
}

/** Message on `emotion2vec-node:device`, published when `device: 'auto'` does not use CUDA, or moves a model away from it. */
export interface DeviceEvent {
  /** Path of the archive. */
  file: string;
  /** The device that the model runs on instead. */
  device: 'cpu';
  /** Why CUDA is not used, as a sentence. */
  reason: string;
  /** The remedy, as a sentence. */
  remedy: string;
  /** Whether the machine has a CUDA device, or its driver, that is not used. */
  hardware: boolean;
}

/**
 * Message on `emotion2vec-node:run`, published after each run of a model. It is also published on `emotion2vec-node:slow-run` if
 * the run took more than a second and longer than the duration of its audio.
 */
export interface RunEvent {
  /** Name on the model card. */
  model: string;
  /** Number of clips, or windows of long clips, in the batch. */
  clips: number;
  /** Duration of their audio in milliseconds. */
  audioMs: number;
  /** Milliseconds that the run took. */
  runMs: number;
}

export const events = {
  load: channel('emotion2vec-node:load'),
  unload: channel('emotion2vec-node:unload'),
  device: channel('emotion2vec-node:device'),
  run: channel('emotion2vec-node:run'),
  slowRun: channel('emotion2vec-node:slow-run'),
} as const;
