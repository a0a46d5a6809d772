import { existsSync } from 'node:fs';
import path from 'node:path';
import { isMainThread } from 'node:worker_threads';

import { EmotionError, messageOf } from '../errors.js';
import { locateLibtorch } from '../libtorch/locate.js';
import type { Precision } from '../options.js';
import { type AddonFiles, findAddon } from './paths.js';

/** What quantising did to a module. */
export interface QuantizeReport {
  /** Linear layers whose weights are smaller now. */
  layers: number;
  /** Linear layers with constant weights that stay exact: too small to gain. */
  kept: number;
  /** Parameters of the module, and those of them that are in such layers. */
  parameters: number;
  quantized: number;
  /** Of all the module's tensors. */
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

/** Handed in with a load: what tells how far it has come. */
export interface LoadWatch {
  /** Of the archive that has been read, 0 to 1. Set once libtorch is open and the load is queued. */
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
  precision(): Exclude<Precision, 'auto'>;
  /** Gives this handle up for the one in the answer: the same module again where there is an error. */
  quantize(format: 'int8' | 'bf16'): Promise<{ module: NativeModule; report?: QuantizeReport; error?: Error }>;
  save(path: string, extraFiles: Readonly<Record<string, string>>): Promise<void>;
  dispose(): void;
}

/** The main addon's exports (native/addon.cc). */
export interface NativeBinding {
  load(path: string, device: string, precision: string, watch?: LoadWatch): Promise<NativeModule>;
  /** Drops what waits still, with its inputs: its promise rejects. False where it runs or is done. */
  cancel(id: number): boolean;
  cudaDevices(): number;
  /** Waits for the run and the load under way, and starts no more. */
  close(): void;
  readonly usableCpus: number;
  readonly libtorchVersion: string;
}

interface LoaderBinding {
  open(paths: readonly string[]): Promise<void>;
}

let loading: Promise<NativeBinding> | undefined;

/**
 * The addon, loaded with libtorch on first use and once however many ask.
 * @throws EmotionError ERR_PLATFORM, ERR_LIBTORCH_MISSING or ERR_ADDON_MISSING; the next call tries again
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
 * @throws EmotionError ERR_DEVICE_UNAVAILABLE when this libtorch has none, or it does not load
 */
export async function openCuda(): Promise<void> {
  const library = path.join(requireLibtorch().libDir, 'libtorch_cuda.so');
  try {
    await loader(requireAddon()).open([library]);
  } catch (cause) {
    throw new EmotionError('ERR_DEVICE_UNAVAILABLE', `CUDA is not available: ${messageOf(cause)}`, { cause });
  }
}

async function loadBinding(): Promise<NativeBinding> {
  checkPlatform();
  const libtorch = requireLibtorch();
  const addon = requireAddon();
  try {
    // libgomp first where it lies beside libtorch: its file name carries a hash in some builds.
    await loader(addon).open([
      ...libtorch.preload,
      ...['libc10.so', 'libtorch_cpu.so'].map((name) => path.join(libtorch.libDir, name)),
    ]);
  } catch (cause) {
    throw new EmotionError(
      'ERR_LIBTORCH_MISSING',
      `libtorch in ${libtorch.libDir} does not load: ${messageOf(cause)}`,
      { cause },
    );
  }
  const binding = dlopen<NativeBinding>(addon.torch);
  if (binding.libtorchVersion !== libtorch.version) {
    const what = `the addon was built for libtorch ${binding.libtorchVersion}, and ${libtorch.root} holds ${libtorch.version}`;
    throw new EmotionError('ERR_LIBTORCH_MISSING', what);
  }
  // A run that goes on while the process tears libtorch down would crash it (native/task_queue.h).
  if (isMainThread) process.once('exit', () => binding.close());
  return binding;
}

function checkPlatform(): void {
  const musl = existsSync('/lib/ld-musl-x86_64.so.1') && !existsSync('/lib64/ld-linux-x86-64.so.2');
  if (process.platform !== 'linux' || process.arch !== 'x64' || musl) {
    throw new EmotionError(
      'ERR_PLATFORM',
      `There is no libtorch for ${process.platform} ${process.arch}${musl ? ' with musl' : ''}`,
    );
  }
}

function requireLibtorch() {
  const found = locateLibtorch();
  if (found === undefined) throw new EmotionError('ERR_LIBTORCH_MISSING', 'libtorch was not found');
  return found;
}

function requireAddon(): AddonFiles {
  const found = findAddon();
  if (found === undefined) throw new EmotionError('ERR_ADDON_MISSING', 'The native addon is not built');
  return found;
}

function loader(addon: AddonFiles): LoaderBinding {
  return dlopen<LoaderBinding>(addon.loader);
}

/** `require` only takes files that end in .node; a second call for the same file gives fresh exports of the same library. */
function dlopen<T>(file: string): T {
  const target = { exports: {} as T };
  process.dlopen(target, file);
  return target.exports;
}
