import type { DeviceMemory } from '../native/binding.js';
import type { ResolvedDevice, ResolvedPrecision } from '../options/types.js';
import type { RequestStatistics } from '../scheduler/metrics.js';

/** The model of a recognizer before it is loaded, or after it was unloaded. */
export interface UnloadedModelStatus {
  state: 'unloaded';
}

/** The model of a recognizer while it loads. */
export interface LoadingModelStatus {
  state: 'loading';
  /** Fraction of the archive that has been read, from 0 to 1. It is 0 while libtorch itself is opened. */
  fraction: number;
}

/** The model of a recognizer once it is loaded. */
export interface LoadedModelStatus {
  state: 'loaded';
  /** Name on the model card. */
  name: string;
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
}

/** The state of a recognizer's model. `state` determines which fields are present. */
export type ModelStatus = UnloadedModelStatus | LoadingModelStatus | LoadedModelStatus;

/** Memory in use, in bytes. */
export interface MemoryUsage {
  /** Resident set size of the process. */
  rssBytes: number;
  /** Size of the archive of the loaded model; 0 if no model is loaded. */
  modelBytes: number;
  /** Decoded audio that waits for a model, summed over all recognizers of this JavaScript thread. */
  audioBytes: number;
  /** Memory of the CUDA device that the model runs on. Absent if no model is loaded or if it runs on the CPU. */
  device?: DeviceMemory;
}

/** The status of a recognizer, as `EmotionRecognizer.status()` returns it. */
export interface RecognizerStatus {
  /** The model: whether it is loaded, and where it runs. */
  model: ModelStatus;
  /** Counts of requests by state, and the times that they take. */
  requests: RequestStatistics;
  /** Memory that the process, the model and queued audio occupy. */
  memory: MemoryUsage;
}
