import type { ModelCard } from '../model/card.js';
import type { Libtorch } from '../libtorch/locate.js';
import type { Platform } from '../native/platform.js';
import type { Known } from './finding.js';
import type { LoaderReport, Outcome, RecognitionReport } from './probe/protocol.js';

/** All that the doctor looks at. Gathered in one place (gather.ts), judged by pure functions (checks/). */
export interface Facts {
  /** Of this package. */
  version: string;
  node: NodeFacts;
  system: SystemFacts;
  processors: ProcessorFacts;
  memory: MemoryFacts;
  /** Variables that change what happens, as they are set. */
  environment: Record<string, string>;
  /** Undefined: this user has none. */
  cache: FolderFacts | undefined;
  /** Undefined value: there is none. */
  libtorch: Known<Libtorch | undefined>;
  addon: AddonFacts;
  /** What `setup` needs; looked for where there is something to set up. */
  tools: ToolFacts | undefined;
  /** Undefined value: there is none. */
  ffmpeg: Known<FfmpegFacts | undefined>;
  /** NVIDIA GPUs on the PCI bus, whether or not there is a driver. */
  gpus: number;
  /** The loader addon in a process of its own: it asks NVIDIA's driver. */
  loader: Outcome<LoaderReport>;
  models: ModelFacts[];
  /** Why models are not known, or the wanted one is not. */
  modelProblem: Known<undefined>;
  /** A real recognition in a process of its own, for each device: the CPU first. */
  recognitions: { device: string; outcome: Outcome<RecognitionReport> }[];
}

export interface NodeFacts {
  version: string;
  /** The least, of package.json's engines. */
  needed: string;
}

export interface SystemFacts {
  /** As the distribution calls itself; empty where it does not tell. */
  name: string;
  kernel: string;
  platform: Platform;
}

export interface ProcessorFacts {
  /** Online in this machine. */
  total: number;
  /** Of the affinity mask (taskset, cpusets). */
  allowed: number;
  /** OMP_NUM_THREADS as it is set. */
  omp: string | undefined;
  /** What recognition may use. */
  usable: number;
}

export interface MemoryFacts {
  totalBytes: number;
  /** To a process that starts when this one has ended. */
  availableBytes: number;
  /** Of its control groups. */
  limitBytes: number | null;
  /** Of its address space (ulimit -v). */
  addressSpaceBytes: number | null;
}

export interface FolderFacts {
  path: string;
  exists: boolean;
  /** It, or what it is to lie in, is there and is no folder. */
  blocked: boolean;
  /** The folder, or where it would be made. */
  writable: boolean;
  freeBytes: number | null;
}

export interface AddonFacts {
  /** Undefined: not built, and no prebuilt binary fits. */
  path: string | undefined;
  /** Built from the sources and the libtorch as they are; undefined where that cannot be told. */
  current: boolean | undefined;
  /** Where it would be built. */
  folder: FolderFacts;
}

export interface ToolFacts {
  python: boolean;
  pip: boolean;
  cmake: boolean;
  /** That cmake-js looks for: g++ or clang++, whatever CXX is. */
  compiler: boolean;
  /** Or ninja. */
  make: boolean;
  /** EMOTION2VEC_LIBTORCH_URL is set: no pip is needed. */
  mirror: boolean;
}

export interface FfmpegFacts {
  path: string;
  /** Empty where it does not say. */
  version: string;
}

export interface ModelFacts {
  /** Built-in name, or the file's. */
  name: string;
  path: string;
  bytes: number;
  builtIn: boolean;
  /** What recognition is tried with. */
  chosen: boolean;
  card: Known<Pick<ModelCard, 'name' | 'version' | 'precision' | 'embeddingDim'>>;
}
