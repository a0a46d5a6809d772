import { accessSync, constants, existsSync, readdirSync, readFileSync, statfsSync, statSync } from 'node:fs';
import { availableParallelism, cpus, freemem, release, totalmem } from 'node:os';
import path from 'node:path';

import { packageRoot } from '../../native/paths.js';
import { glibcVersion, readPlatform } from '../../native/platform.js';
import type { FolderFacts, MemoryFacts, NodeFacts, ProcessorFacts, SystemFacts } from '../facts.js';
import { known } from '../finding.js';
import type { LoaderReport } from '../probe/protocol.js';

/** Variables that change what happens, and hold no secrets. */
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
  const { version = 'unknown', engines } = known(read).value ?? {};
  return { version, node: { version: process.versions.node, needed: engines?.node?.replace('>=', '') ?? '0' } };
}

export function systemFacts(): SystemFacts {
  const text = readText('/etc/os-release');
  const name = /^PRETTY_NAME="?([^"\n]*)/m.exec(text)?.[1] ?? '';
  const platform = known(readPlatform).value ?? {
    os: process.platform,
    arch: process.arch,
    musl: false,
    processor: '',
    flags: new Set<string>(),
  };
  return { name, kernel: release(), platform: { ...platform, glibc: known(glibcVersion).value } };
}

/** @param loader what the loader addon tells, where it is there */
export function processorFacts(loader: Partial<LoaderReport>): ProcessorFacts {
  const total = Math.max(1, cpus().length);
  const allowed = countList(/^Cpus_allowed_list:\s*(\S+)/m.exec(readText('/proc/self/status'))?.[1]) ?? total;
  const omp = process.env.OMP_NUM_THREADS;
  const threads = /^\s*([1-9]\d*)/.exec(omp ?? '')?.[1];
  const usable = loader.usableCpus ?? Math.min(availableParallelism(), allowed, Number(threads ?? Infinity));
  return { total, allowed: Math.min(allowed, total), omp, usable };
}

/** @param loader what the loader addon tells, where it is there */
export function memoryFacts(loader: Partial<LoaderReport>): MemoryFacts {
  const totalBytes = totalmem();
  // Of Node: 0 or more than there is where there is no limit.
  const constrained = known(() => process.constrainedMemory() ?? 0).value ?? 0;
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
      return [[name, value.replace(/\/\/[^/@\s]*@/g, '//…@')]]; // a user and password in an address
    }),
  );
}

export function folderFacts(folder: string): FolderFacts {
  let there = path.resolve(folder);
  while (!existsSync(there) && there !== path.dirname(there)) there = path.dirname(there);
  const blocked = known(() => !statSync(there).isDirectory()).value ?? false;
  const writable = known(() => accessSync(there, constants.W_OK)).problem === undefined;
  const free = known(() => statfsSync(there)).value;
  return {
    path: folder,
    exists: existsSync(folder),
    blocked,
    writable,
    freeBytes: free ? free.bavail * free.bsize : null,
  };
}

/** Display controllers of NVIDIA on the PCI bus. */
export function gpuCount(bus = '/sys/bus/pci/devices'): number {
  const read = (slot: string, file: string) => readText(path.join(bus, slot, file)).trim();
  const slots = known(() => readdirSync(bus)).value ?? [];
  return slots.filter((slot) => read(slot, 'vendor') === '0x10de' && read(slot, 'class').startsWith('0x03')).length;
}

/** How many "0-3,8" names. */
function countList(list: string | undefined): number | undefined {
  if (list === undefined) return undefined;
  return list.split(',').reduce((sum, range) => {
    const [first, last = first] = range.split('-').map(Number) as [number, number?];
    return sum + last - first + 1;
  }, 0);
}

/** Empty where it cannot be read. */
function readText(file: string): string {
  return known(() => readFileSync(file, 'utf8')).value ?? '';
}
