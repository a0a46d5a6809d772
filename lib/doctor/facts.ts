import type { Libtorch } from '../libtorch/locate.js';
import type { ModelCard } from '../model/card.js';
import type { Platform } from '../native/platform.js';
import type { Known } from './known.js';
import type { LoaderReport, Outcome, RecognitionReport } from './probe/protocol.js';

/** Everything that the doctor examines. gather/ collects it, and the pure functions in checks/ judge it. */
export interface Facts {
  /** Version of this package. */
  version: string;
  node: NodeFacts;
  system: SystemFacts;
  processors: ProcessorFacts;
  memory: MemoryFacts;
  /** Environment variables that change the behavior, with their values. */
  environment: Record<string, string>;
  /** Undefined if this user has no cache folder. */
  cache: FolderFacts | undefined;
  /** The value is undefined if libtorch was not found. */
  libtorch: Known<Libtorch | undefined>;
  addon: AddonFacts;
  /** The tools that `setup` needs. Undefined if there is nothing to set up. */
  tools: ToolFacts | undefined;
  /** The value is undefined if ffmpeg was not found. */
  ffmpeg: Known<FfmpegFacts | undefined>;
  /** Number of NVIDIA GPUs on the PCI bus, whether or not there is a driver. */
  gpus: number;
  /** The outcome of running the loader addon, which queries NVIDIA's driver, in a process of its own. */
  loader: Outcome<LoaderReport>;
  models: ModelFacts[];
  /** The problem is the reason why the requested model, or the default one, was not found. */
  modelProblem: Known<undefined>;
  /** The outcome of a real recognition on each device, in a process of its own. The CPU comes first. */
  recognitions: { device: string; outcome: Outcome<RecognitionReport> }[];
}

export interface NodeFacts {
  version: string;
  /** Minimum version, from `engines` in package.json. */
  needed: string;
}

export interface SystemFacts {
  /** Name and version of the distribution; empty if they are not known. */
  name: string;
  kernel: string;
  platform: Platform;
}

export interface ProcessorFacts {
  /** Processors of this machine that are online. */
  total: number;
  /** Processors in the affinity mask (taskset, cpusets). */
  allowed: number;
  /** Value of OMP_NUM_THREADS. */
  omp: string | undefined;
  /** Processors that recognition may use. */
  usable: number;
}

export interface MemoryFacts {
  totalBytes: number;
  /** Memory that is available to a process that starts after this one has exited. */
  availableBytes: number;
  /** Smallest limit of the process's control groups. */
  limitBytes: number | null;
  /** Limit of the address space (ulimit -v). */
  addressSpaceBytes: number | null;
}

export interface FolderFacts {
  path: string;
  exists: boolean;
  /** Whether it exists but is not a folder, or would have to be created inside something that is not a folder. */
  blocked: boolean;
  /** Whether the folder, or the one that it would be created in, is writable. */
  writable: boolean;
  freeBytes: number | null;
}

export interface AddonFacts {
  /** Undefined if it is not built and no prebuilt binary fits. */
  path: string | undefined;
  /** Whether it was built from the current sources for the current libtorch; undefined if that is not known. */
  current: boolean | undefined;
  /** The folder that it would be built in. */
  folder: FolderFacts;
}

export interface ToolFacts {
  python: boolean;
  pip: boolean;
  cmake: boolean;
  /** g++ or clang++, which cmake-js looks for regardless of CXX. */
  compiler: boolean;
  /** make or ninja. */
  make: boolean;
  /** Whether EMOTION2VEC_LIBTORCH_URL is set, so that pip is not needed. */
  mirror: boolean;
}

export interface FfmpegFacts {
  path: string;
  /** Empty if it is not known. */
  version: string;
}

export interface ModelFacts {
  /** Name of a built-in model, or of the file. */
  name: string;
  path: string;
  bytes: number;
  builtIn: boolean;
  /** Whether recognition is tried with it. */
  chosen: boolean;
  card: Known<Pick<ModelCard, 'name' | 'version' | 'precision' | 'embeddingDim'>>;
}
