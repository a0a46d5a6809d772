import { accessSync, constants, existsSync, readdirSync, readFileSync, statfsSync, statSync } from 'node:fs';
import { availableParallelism, cpus, freemem, release, totalmem } from 'node:os';
import path from 'node:path';

import { glibcVersion, readPlatform } from '../../native/platform.js';
import { packageRoot } from '../../shared/package-root.js';
import type { FolderFacts, MemoryFacts, NodeFacts, ProcessorFacts, SystemFacts } from '../facts.js';
import { attempt, succeeds } from '../known.js';
import type { LoaderReport } from '../probe/protocol.js';

/** Variables that change the behavior and hold no secrets. */
const VARIABLES = [
  'LIBTORCH',
  'EMOTION2VEC_CACHE',
  'EMOTION2VEC_LIBTORCH_URL',
  'EMOTION2VEC_FFMPEG',
  'EMOTION2VEC_ISA',
  'OMP_NUM_THREADS',
  'OMP_WAIT_POLICY',
  'GOMP_SPINCOUNT',
  'GOMP_CPU_AFFINITY',
  'ONEDNN_MAX_CPU_ISA',
  'CUDA_VISIBLE_DEVICES',
  'LD_PRELOAD',
  'LD_LIBRARY_PATH',
  'NODE_OPTIONS',
];

export function packageFacts(): { version: string; node: NodeFacts } {
  const read = () =>
    JSON.parse(readFileSync(path.join(packageRoot, 'package.json'), 'utf8')) as {
      version?: string;
      engines?: { node?: string };
    };
  const { version = 'unknown', engines } = attempt(read) ?? {};
  return { version, node: { version: process.versions.node, needed: engines?.node?.replace('>=', '') ?? '0' } };
}

export function systemFacts(): SystemFacts {
  const text = readText('/etc/os-release');
  const name = /^PRETTY_NAME="?([^"\n]*)/m.exec(text)?.[1] ?? '';
  const platform = attempt(readPlatform) ?? {
    os: process.platform,
    arch: process.arch,
    musl: false,
    processor: '',
    flags: new Set<string>(),
  };
  return { name, kernel: release(), platform: { ...platform, glibc: attempt(glibcVersion) } };
}

/** @param loader the report of the loader addon; empty if it did not run */
export function processorFacts(loader: Partial<LoaderReport>): ProcessorFacts {
  const total = Math.max(1, cpus().length);
  const allowed = countList(/^Cpus_allowed_list:\s*(\S+)/m.exec(readText('/proc/self/status'))?.[1]) ?? total;
  const omp = process.env.OMP_NUM_THREADS;
  const threads = /^\s*([1-9]\d*)/.exec(omp ?? '')?.[1];
  const usable = loader.usableCpus ?? Math.min(availableParallelism(), allowed, Number(threads ?? Infinity));
  return { total, allowed: Math.min(allowed, total), omp, usable };
}

/** @param loader the report of the loader addon; empty if it did not run */
export function memoryFacts(loader: Partial<LoaderReport>): MemoryFacts {
  const totalBytes = totalmem();
  // Node returns 0, or more than the machine has, if there is no limit.
  const constrained = attempt(() => process.constrainedMemory()) ?? 0;
  const own = 1024 * Number(/^RssAnon:\s+(\d+)/m.exec(readText('/proc/self/status'))?.[1] ?? 0);
  const { availableBytes, limitBytes } = loader.memory ?? {
    availableBytes: freemem(),
    limitBytes: constrained > 0 && constrained < totalBytes ? constrained : null,
  };
  const space = /^Max address space\s+(\d+)/m.exec(readText('/proc/self/limits'))?.[1];
  return {
    totalBytes,
    availableBytes: availableBytes + own,
    limitBytes,
    addressSpaceBytes: space === undefined ? null : Number(space),
  };
}

export function environmentFacts(env: NodeJS.ProcessEnv = process.env): Record<string, string> {
  return Object.fromEntries(
    VARIABLES.flatMap((name) => {
      const value = env[name];
      if (value === undefined) return [];
      return [[name, value.replace(/\/\/[^/@\s]*@/g, '//…@')]]; // removes a user name and password from a URL
    }),
  );
}

export function folderFacts(folder: string): FolderFacts {
  let existing = path.resolve(folder);
  while (!existsSync(existing) && existing !== path.dirname(existing)) existing = path.dirname(existing);
  const blocked = attempt(() => !statSync(existing).isDirectory()) ?? false;
  const writable = succeeds(() => accessSync(existing, constants.W_OK));
  const disk = attempt(() => statfsSync(existing));
  return {
    path: folder,
    exists: existsSync(folder),
    blocked,
    writable,
    freeBytes: disk ? disk.bavail * disk.bsize : null,
  };
}

/** Counts the display controllers of NVIDIA on the PCI bus. */
export function gpuCount(bus = '/sys/bus/pci/devices'): number {
  const read = (slot: string, file: string) => readText(path.join(bus, slot, file)).trim();
  const slots = attempt(() => readdirSync(bus)) ?? [];
  return slots.filter((slot) => read(slot, 'vendor') === '0x10de' && read(slot, 'class').startsWith('0x03')).length;
}

/** Counts the processors in a list such as `0-3,8`. */
function countList(list: string | undefined): number | undefined {
  if (list === undefined) return undefined;
  return list.split(',').reduce((sum, range) => {
    const [first, last = first] = range.split('-').map(Number) as [number, number?];
    return sum + last - first + 1;
  }, 0);
}

/** Returns the text of a file; empty if it cannot be read. */
function readText(file: string): string {
  return attempt(() => readFileSync(file, 'utf8')) ?? '';
}
