import path from 'node:path';
import { isMainThread } from 'node:worker_threads';

import { EmotionError, messageOf } from '../shared/errors.js';
import { cudaLibraries, type Libtorch, locateLibtorch, mendRemedy } from '../libtorch/locate.js';
import type { ResolvedPrecision } from '../options/types.js';
import { type AddonFiles, findAddon } from './paths.js';
import { ADDRESS_SPACE, checkPlatform, explainLinker, NEWER_SYSTEM, REBUILD } from './platform.js';

/** What quantizing did to a module, as the addon counts it. */
export interface NativeQuantizeReport {
  /** Linear layers whose weights were converted. */
  layers: number;
  /** Linear layers with constant weights that stay as they were, because they are too small to gain. */
  kept: number;
  /** Parameters of the module, and of those the ones in converted layers. */
  parameters: number;
  quantized: number;
  /** Bytes of all tensors of the module. */
  bytesBefore: number;
  bytesAfter: number;
}

/** Handed in with a run: what cancels it, and how long it took. */
export interface Ticket {
  /** For `cancel`, from when the run is queued. */
  id?: number;
  /** Milliseconds in the native queue and in the run, once it has ended. */
  waitMs?: number;
  runMs?: number;
}

/** Passed to a load: the addon sets a function that returns its progress. */
export interface LoadWatch {
  /** Returns the fraction of the archive that has been read, 0 to 1. Set once libtorch is open and the load is queued. */
  fraction?: () => number;
}

/** A loaded TorchScript module as the addon gives it (native/module_binding.cc). */
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
  /** Gives this handle up for the one in the answer: the same module again where there is an error. */
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

/** The main addon's exports (native/addon.cc). */
export interface NativeBinding {
  /** @param budgetBytes what the module and its runs may take of the CPU's memory */
  load(path: string, device: string, precision: string, watch?: LoadWatch, budgetBytes?: number): Promise<NativeModule>;
  /** Drops what waits still, with its inputs: its promise rejects. False where it runs or is done. */
  cancel(id: number): boolean;
  initializeCuda(): number;
  /** Waits for the run and the load under way, and starts no more. */
  close(): void;
  /** Of a CUDA device; zeros for the CPU. @throws ERR_DEVICE_UNAVAILABLE */
  deviceMemory(device: string): DeviceMemory;
  readonly usableCpus: number;
}

/** A CUDA device, in the order of CUDA_VISIBLE_DEVICES. */
export interface CudaDevice {
  name: string;
  /** Compute capability: 90 is 9.0. */
  capability: number;
  bytesTotal: number;
  /** Null where NVIDIA's management library is not there to tell. */
  bytesFree: number | null;
}

/** What NVIDIA's driver says, whether or not libtorch is there (native/cuda_driver.h). */
export interface CudaDriver {
  state: 'ready' | 'missing' | 'failed';
  /** Of a driver that is missing or failed, in its own words. */
  error: string;
  /** Of a driver that failed: CUresult. */
  errorCode: number;
  /** The newest CUDA that it supports: 13000 is 13.0. 0 where there is none. */
  version: number;
  /** Of the driver itself, such as 580.65.06; may be empty. */
  release: string;
  devices: CudaDevice[];
}

/** The loader addon's exports (native/loader.cc): it links nothing of libtorch. */
export interface LoaderBinding {
  open(paths: readonly string[]): Promise<void>;
  /** On a thread of its own: the first time takes a tenth of a second, or seconds where there are many devices. */
  cudaDriver(): Promise<CudaDriver>;
  /** What this process may still take, and the least limit of its control groups. */
  memory(): { availableBytes: number; limitBytes: number | null };
  readonly usableCpus: number;
  /** That the main addon was built for. */
  readonly libtorchVersion: string;
}

let loading: Promise<NativeBinding> | undefined;

/**
 * The addon, loaded with libtorch on first use and once however many ask.
 * @throws EmotionError ERR_PLATFORM, ERR_LIBTORCH_MISSING, ERR_ADDON_MISSING or ERR_OUT_OF_MEMORY; the next call tries again
 */
export function nativeBinding(): Promise<NativeBinding> {
  loading ??= loadBinding().catch((error: unknown) => {
    loading = undefined;
    throw error;
  });
  return loading;
}

/**
 * Opens libtorch's CUDA library beside the CPU one.
 * @throws EmotionError ERR_DEVICE_UNAVAILABLE when it does not load
 */
export async function openCuda(): Promise<void> {
  const libtorch = requireLibtorch();
  try {
    await loaderBinding().open(cudaLibraries(libtorch));
  } catch (cause) {
    const { what } = explainLinker('it', messageOf(cause));
    throw new EmotionError('ERR_DEVICE_UNAVAILABLE', `libtorch's CUDA part does not load: ${what}`, {
      cause,
      remedy: mendRemedy(libtorch).replace('setup`', 'setup --cuda`'),
    });
  }
}

/**
 * The loader addon, which needs no libtorch.
 * @throws EmotionError ERR_PLATFORM, ERR_ADDON_MISSING
 */
export function loaderBinding(): LoaderBinding {
  checkPlatform();
  return dlopen<LoaderBinding>(requireAddon().loader);
}

/** @throws EmotionError ERR_PLATFORM, ERR_LIBTORCH_MISSING */
export function requireLibtorch(): Libtorch {
  checkPlatform(); // where no libtorch would do, none is missing
  const found = locateLibtorch();
  if (found === undefined) throw new EmotionError('ERR_LIBTORCH_MISSING', 'libtorch was not found');
  return found;
}

async function loadBinding(): Promise<NativeBinding> {
  const libtorch = requireLibtorch();
  const addon = requireAddon();
  const loader = loaderBinding();
  // Beside another version the main addon loads, and then ends the process by std::terminate.
  if (loader.libtorchVersion !== libtorch.version) {
    const what = `The addon was built for libtorch ${loader.libtorchVersion}, and ${libtorch.root} holds ${libtorch.version}`;
    throw new EmotionError('ERR_ADDON_MISSING', what, { remedy: REBUILD });
  }
  // libgomp first where it lies beside libtorch: its file name carries a hash in some builds.
  const libraries = [
    ...libtorch.preload,
    ...['libc10.so', 'libtorch_cpu.so'].map((name) => path.join(libtorch.libDir, name)),
  ];
  try {
    await loader.open(libraries);
  } catch (cause) {
    const { code, what } = explainLinker('it', messageOf(cause));
    const message = `libtorch in ${libtorch.root} does not load: ${what}`;
    if (code === 'ERR_OUT_OF_MEMORY') throw new EmotionError(code, message, { cause, remedy: ADDRESS_SPACE });
    // glibc's version apart, what is wrong with it a whole one has not.
    if (/GLIBC/.test(what)) throw new EmotionError('ERR_PLATFORM', message, { cause, remedy: NEWER_SYSTEM });
    throw new EmotionError('ERR_LIBTORCH_MISSING', message, { cause, remedy: mendRemedy(libtorch) });
  }
  const binding = dlopen<NativeBinding>(addon.torch);
  // A run that goes on while the process tears libtorch down would crash it (native/task_queue.h).
  if (isMainThread) process.once('exit', () => binding.close());
  return binding;
}

function requireAddon(): AddonFiles {
  const found = findAddon();
  if (found === undefined) throw new EmotionError('ERR_ADDON_MISSING', 'The native addon is not built');
  return found;
}

/**
 * `require` only takes files that end in .node; a second call for the same file gives fresh exports of the same library.
 * @throws EmotionError that tells what the linker's words mean
 */
function dlopen<T>(file: string): T {
  const target = { exports: {} as T };
  try {
    process.dlopen(target, file);
  } catch (cause) {
    const { code, what, remedy } = explainLinker(file, messageOf(cause));
    throw new EmotionError(
      code,
      `The addon does not load: ${what}`,
      remedy === undefined ? { cause } : { cause, remedy },
    );
  }
  return target.exports;
}
