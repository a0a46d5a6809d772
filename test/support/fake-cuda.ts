/**
 * A simulated CUDA device (test/fake-cuda): a libtorch_cuda.so whose device memory is host memory and whose kernels are the
 * CPU's, and a driver that reports it. Child processes use it by their environment.
 */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
} from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';

import { type Libtorch, locateLibtorch } from '../../lib/libtorch/locate.js';
import { root } from './paths.js';

/** The properties of the simulated devices. Default: one device of 8 GiB, all of it free, and a suitable driver. */
export interface FakeDevices {
  devices?: number;
  /** Memory of each device in bytes. */
  memory?: number;
  /** Bytes that are free: what NVML reports, and the maximum of all allocations together. */
  free?: number;
  /** Maximum of all allocations together, where other processes allocate after NVML has reported. */
  limit?: number;
  /** Number of allocations after which every allocation of the process fails as if memory had run out... */
  failAfter?: number;
  /** ...until the cache has been emptied this many times. By default they never succeed again. */
  recoversAfter?: number;
  /** The result of cuInit. Where it is not 0, libtorch finds no device. */
  init?: number;
  /** Seconds that cuInit takes, as with devices that sleep. */
  wakesAfter?: number;
  /** The result of cuDriverGetVersion, such as 12080. Below 13000, libtorch finds no device. */
  driver?: number;
  /** Compute capability, such as "7.5". */
  capability?: string;
  name?: string;
}

export interface FakeCuda {
  /** Environment with a libtorch with CUDA, and with the driver. */
  env(options?: FakeDevices): Record<string, string>;
  /** Environment with the driver, and with the libtorch of this machine. */
  driverOnly(options?: FakeDevices): Record<string, string>;
}

const SOURCES = path.join(root, 'test/fake-cuda');
const VARIABLES: Record<keyof FakeDevices, string> = {
  devices: 'FAKE_CUDA_DEVICES',
  memory: 'FAKE_CUDA_MEMORY',
  free: 'FAKE_CUDA_FREE',
  limit: 'FAKE_CUDA_LIMIT',
  failAfter: 'FAKE_CUDA_FAIL_AFTER',
  recoversAfter: 'FAKE_CUDA_RECOVERS_AFTER',
  init: 'FAKE_CUDA_INIT',
  wakesAfter: 'FAKE_CUDA_WAKES_AFTER',
  driver: 'FAKE_CUDA_DRIVER',
  capability: 'FAKE_CUDA_CAPABILITY',
  name: 'FAKE_CUDA_NAME',
};
const FLAGS = ['-O1', '-Wall', '-Wextra', '-Werror', '-fPIC', '-shared', '-fvisibility=hidden'];

let built: Promise<FakeCuda | undefined> | undefined;

/** Returns the simulated device. Building it takes about 20 s the first time. Undefined where there is no g++. */
export function fakeCuda(): Promise<FakeCuda | undefined> {
  built ??= build();
  return built;
}

async function build(): Promise<FakeCuda | undefined> {
  const libtorch = locateLibtorch();
  if (libtorch === undefined) throw new Error('The fake CUDA device needs libtorch: npm run setup');
  const folder = path.join(root, 'build/fake-cuda', fingerprint(libtorch));
  if (!existsSync(folder)) {
    if (!(await hasCompiler())) return undefined;
    await buildInto(folder, libtorch);
  }
  const driverOnly = (options: FakeDevices = {}): Record<string, string> => ({
    LD_LIBRARY_PATH: [path.join(folder, 'driver'), process.env.LD_LIBRARY_PATH].filter(Boolean).join(':'),
    ...variables(options),
  });
  return { driverOnly, env: (options) => ({ ...driverOnly(options), LIBTORCH: path.join(folder, 'libtorch') }) };
}

/** Names the folder by the sources and the libtorch, so that a folder that exists is complete and never needs to be replaced. */
function fingerprint(libtorch: Libtorch): string {
  const hash = createHash('sha256').update([libtorch.root, libtorch.version, ...FLAGS].join('\0'));
  for (const name of readdirSync(SOURCES).sort()) hash.update(readFileSync(path.join(SOURCES, name)));
  return hash.digest('hex').slice(0, 16);
}

function hasCompiler(): Promise<boolean> {
  return compile(['--version']).then(
    () => true,
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return false;
      throw error;
    },
  );
}

async function buildInto(folder: string, libtorch: Libtorch): Promise<void> {
  mkdirSync(path.dirname(folder), { recursive: true });
  const aside = mkdtempSync(`${folder}.`);
  try {
    const driver = path.join(aside, 'driver');
    mkdirSync(driver);
    await compileC('driver.c', path.join(driver, 'libcuda.so.1'));
    await compileC('nvml.c', path.join(driver, 'libnvidia-ml.so.1'));
    await linkLibtorch(path.join(aside, 'libtorch'), libtorch);
    renameSync(aside, folder);
  } catch (error) {
    if (!existsSync(folder)) throw error; // otherwise another process was faster
  } finally {
    rmSync(aside, { recursive: true, force: true });
  }
}

/** Makes a libtorch of links to the files of `libtorch`, with our own libtorch_cuda.so. */
async function linkLibtorch(folder: string, libtorch: Libtorch): Promise<void> {
  const lib = path.join(folder, 'torch/lib');
  mkdirSync(lib, { recursive: true });
  copyFileSync(path.join(libtorch.root, 'torch/version.py'), path.join(folder, 'torch/version.py'));
  symlinkSync(path.join(libtorch.root, 'torch/include'), path.join(folder, 'torch/include'));
  for (const name of readdirSync(libtorch.libDir)) {
    if (name !== 'libtorch_cuda.so') symlinkSync(path.join(libtorch.libDir, name), path.join(lib, name));
  }
  // The RPATH of libtorch starts at the link, not at the file.
  const nvidia = path.join(libtorch.root, 'nvidia');
  if (existsSync(nvidia)) symlinkSync(nvidia, path.join(folder, 'nvidia'));
  const include = path.join(libtorch.root, 'torch/include');
  await compile([
    ...[...FLAGS, '-std=c++20', '-isystem', include, '-isystem', path.join(include, 'torch/csrc/api/include')],
    ...[path.join(SOURCES, 'torch_cuda.cc'), '-o', path.join(lib, 'libtorch_cuda.so'), '-Wl,-soname,libtorch_cuda.so'],
    ...[`-L${libtorch.libDir}`, '-ltorch_cpu', '-lc10'],
  ]);
}

const compileC = (source: string, library: string) =>
  compile([...FLAGS, '-x', 'c', '-std=c11', path.join(SOURCES, source), '-o', library]);

const compile = (args: readonly string[]) => promisify(execFile)('g++', args, { maxBuffer: 2 ** 26 });

function variables(options: FakeDevices): Record<string, string> {
  const set = Object.entries(options).filter(([, value]) => value !== undefined);
  return Object.fromEntries(set.map(([key, value]) => [VARIABLES[key as keyof FakeDevices], String(value)]));
}
