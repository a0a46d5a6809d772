import path from 'node:path';
import { isMainThread } from 'node:worker_threads';

import { cudaLibraries, type Libtorch, locateLibtorch, repairRemedy } from '../libtorch/locate.js';
import type { ResolvedPrecision } from '../options/types.js';
import { EmotionError, messageOf, type Problem } from '../shared/errors.js';
import { type AddonFiles, findAddon } from './addon-files.js';
import { explainLinker, REBUILD } from './linker-error.js';
import { checkPlatform, NEWER_SYSTEM } from './platform.js';

/** The addon's report on quantizing a module. */
export interface NativeQuantizeReport {
  /** Linear layers whose weights were converted. */
  layers: number;
  /** Linear layers with constant weights that stay as they were, because they are too small to gain. */
  kept: number;
  /** Parameters of the module, and how many of them are in converted layers. */
  parameters: number;
  quantized: number;
  /** Bytes of all tensors of the module. */
  bytesBefore: number;
  bytesAfter: number;
}

/** Passed to a run. The addon writes the id and the times of the run to it. */
export interface Ticket {
  /** Identifies the run for `cancel`. Set once the run is queued. */
  id?: number;
  /** Milliseconds in the native queue and in the run. Set once the run has ended. */
  waitMs?: number;
  runMs?: number;
}

/** Passed to a load: the addon sets a function that returns its progress. */
export interface LoadWatch {
  /** Returns the fraction of the archive that has been read, 0 to 1. Set once libtorch is open and the load is queued. */
  fraction?: () => number;
}

/** A loaded TorchScript module, as the addon exports it. */
export interface NativeModule {
  methods(): string[];
  extraFile(name: string): string | null;
  call(
    method: string,
    inputs: readonly unknown[],
    threads: number,
    keep?: readonly number[],
    ticket?: Ticket,
  ): Promise<unknown>;
  precision(): ResolvedPrecision;
  /**
   * Replaces this handle, which must not be used afterwards, by the one in the result. After an error, that is the same module.
   */
  quantize(format: 'int8' | 'bf16'): Promise<{ module: NativeModule; report?: NativeQuantizeReport; error?: Error }>;
  save(path: string, extraFiles: Readonly<Record<string, string>>): Promise<void>;
  dispose(): void;
}

/** Memory of a CUDA device, in bytes. All zeros for the CPU. */
export interface DeviceMemory {
  /** Bytes of the device that no process uses. */
  freeBytes: number;
  /** Bytes of the device. */
  totalBytes: number;
  /** Bytes that tensors of this process use. */
  allocatedBytes: number;
  /** Bytes that this process has reserved: those of tensors, and those that it keeps for further tensors. */
  reservedBytes: number;
  /** Maximum of `allocatedBytes` since the process started. */
  peakBytes: number;
}

/** The exports of the main addon. */
export interface NativeBinding {
  /** @param budgetBytes maximum memory of the CPU that the module and its runs may use */
  load(path: string, device: string, precision: string, watch?: LoadWatch, budgetBytes?: number): Promise<NativeModule>;
  /** Removes a run and its inputs from the queue; its promise rejects. Returns false if it is already running or done. */
  cancel(id: number): boolean;
  initializeCuda(): number;
  /** Waits for the runs and the load under way. No others are started. */
  close(): void;
  /** Returns the memory of a CUDA device; zeros for the CPU. @throws ERR_DEVICE_UNAVAILABLE */
  deviceMemory(device: string): DeviceMemory;
  readonly usableCpus: number;
}

/** A CUDA device, in the order of CUDA_VISIBLE_DEVICES. */
export interface CudaDevice {
  name: string;
  /** Compute capability: 90 is 9.0. */
  capability: number;
  bytesTotal: number;
  /** Null if NVIDIA's management library, which reports it, is absent. */
  bytesFree: number | null;
}

/** The report of NVIDIA's driver. Querying it requires neither libtorch nor CUDA. */
export interface CudaDriver {
  state: 'ready' | 'missing' | 'failed';
  /** Message of the linker or the driver, if the driver is missing or failed. */
  error: string;
  /** CUresult of a driver that failed. */
  errorCode: number;
  /** Newest CUDA version that the driver supports: 13000 is 13.0. 0 if there is no driver. */
  version: number;
  /** Version of the driver itself, such as 580.65.06; may be empty. */
  release: string;
  devices: CudaDevice[];
}

/** The exports of the loader addon, which links nothing of libtorch. */
export interface LoaderBinding {
  open(paths: readonly string[]): Promise<void>;
  /** Queries the driver on a separate thread. The first call takes a tenth of a second, or seconds if there are many devices. */
  cudaDriver(): Promise<CudaDriver>;
  /** Returns the memory that this process may still use, and the smallest limit of its control groups. */
  memory(): { availableBytes: number; limitBytes: number | null };
  readonly usableCpus: number;
  /** Version of libtorch that the main addon was built for. */
  readonly libtorchVersion: string;
}

let loading: Promise<NativeBinding> | undefined;

/**
 * Returns the main addon. The first call loads it together with libtorch; after a failure, the next call tries again.
 * @throws EmotionError ERR_PLATFORM, ERR_LIBTORCH_MISSING, ERR_ADDON_MISSING or ERR_OUT_OF_MEMORY
 */
export function nativeBinding(): Promise<NativeBinding> {
  loading ??= loadBinding().catch((error: unknown) => {
    loading = undefined;
    throw error;
  });
  return loading;
}

/**
 * Opens libtorch's CUDA library in addition to the CPU's.
 * @throws EmotionError ERR_DEVICE_UNAVAILABLE if it does not load
 */
export async function openCuda(): Promise<void> {
  const libtorch = requireLibtorch();
  try {
    await loaderBinding().open(cudaLibraries(libtorch));
  } catch (cause) {
    const { what } = explainLinker('it', messageOf(cause));
    throw new EmotionError('ERR_DEVICE_UNAVAILABLE', `libtorch's CUDA part does not load: ${what}`, {
      cause,
      remedy: repairRemedy(libtorch, { cuda: true }),
    });
  }
}

/**
 * Returns the loader addon, which needs no libtorch.
 * @throws EmotionError ERR_PLATFORM, ERR_ADDON_MISSING
 */
export function loaderBinding(): LoaderBinding {
  checkPlatform();
  return dlopen<LoaderBinding>(requireAddon().loader);
}

/** Returns the libtorch to use. @throws EmotionError ERR_PLATFORM, ERR_LIBTORCH_MISSING */
export function requireLibtorch(): Libtorch {
  checkPlatform(); // an unsupported platform is reported first, even if libtorch is missing too
  const found = locateLibtorch();
  if (found === undefined) throw new EmotionError('ERR_LIBTORCH_MISSING', 'libtorch was not found');
  return found;
}

async function loadBinding(): Promise<NativeBinding> {
  const libtorch = requireLibtorch();
  const addon = requireAddon();
  const loader = loaderBinding();
  // With another version the main addon loads, but then ends the process by std::terminate.
  if (loader.libtorchVersion !== libtorch.version) {
    const what = `The addon was built for libtorch ${loader.libtorchVersion}, and ${libtorch.root} holds ${libtorch.version}`;
    throw new EmotionError('ERR_ADDON_MISSING', what, { remedy: REBUILD });
  }
  // libgomp comes first if libtorch includes it: its file name contains a hash in some builds.
  const libraries = [
    ...libtorch.preload,
    ...['libc10.so', 'libtorch_cpu.so'].map((name) => path.join(libtorch.libDir, name)),
  ];
  try {
    await loader.open(libraries);
  } catch (cause) {
    throw EmotionError.from(libtorchProblem(libtorch, messageOf(cause)), cause);
  }
  const binding = dlopen<NativeBinding>(addon.torch);
  // A run that continues while the process unloads libtorch would crash it.
  if (isMainThread) process.once('exit', () => binding.close());
  return binding;
}

/** @param message of the dynamic linker */
function libtorchProblem(libtorch: Libtorch, message: string): Problem {
  const problem = explainLinker('it', message);
  const what = `libtorch in ${libtorch.root} does not load: ${problem.what}`;
  if (problem.code === 'ERR_OUT_OF_MEMORY') return { ...problem, what };
  if (problem.kind === 'old-system') {
    return { code: 'ERR_PLATFORM', kind: 'old-system-libtorch', what, remedy: NEWER_SYSTEM };
  }
  // Any other problem is one that a complete libtorch does not have.
  return { code: 'ERR_LIBTORCH_MISSING', what, remedy: repairRemedy(libtorch) };
}

function requireAddon(): AddonFiles {
  const found = findAddon();
  if (found === undefined) throw new EmotionError('ERR_ADDON_MISSING', 'The native addon is not built');
  return found;
}

/**
 * Loads an addon with process.dlopen, because `require` accepts only files that end in .node. A second call for the same file
 * returns new exports of the same library.
 * @throws EmotionError that explains the dynamic linker's message
 */
function dlopen<T>(file: string): T {
  const target = { exports: {} as T };
  try {
    process.dlopen(target, file);
  } catch (cause) {
    const problem = explainLinker(file, messageOf(cause));
    throw EmotionError.from({ ...problem, what: `The addon does not load: ${problem.what}` }, cause);
  }
  return target.exports;
}
