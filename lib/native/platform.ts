import { existsSync, readFileSync } from 'node:fs';

import { EmotionError, type ErrorCode } from '../shared/errors.js';

/** What the system that we run on is, as far as it matters. */
export interface Platform {
  os: string;
  arch: string;
  /** Its version, where it is known. */
  glibc: string | undefined;
  musl: boolean;
  /** What /proc/cpuinfo calls the processor, and its `flags`. */
  processor: string;
  flags: ReadonlySet<string>;
}

/** Without these libtorch's kernels (oneDNN's least) do not run. */
const NEEDED_FLAGS = ['sse4_1', 'ssse3'];
/** Of the wheels that libtorch comes in. */
export const LEAST_GLIBC = '2.28';

/** Without glibc's version: asking for it takes as long as a short clip. */
export function readPlatform(): Platform {
  const cpuinfo = existsSync('/proc/cpuinfo') ? readFileSync('/proc/cpuinfo', 'utf8') : '';
  const field = (name: string) => new RegExp(`^${name}\\s*: (.*)$`, 'm').exec(cpuinfo)?.[1] ?? '';
  return {
    os: process.platform,
    arch: process.arch,
    glibc: undefined,
    musl: existsSync('/lib/ld-musl-x86_64.so.1') && !existsSync('/lib64/ld-linux-x86-64.so.2'),
    processor: field('model name'),
    flags: new Set(field('flags').split(' ').filter(Boolean)),
  };
}

/** Of Node's own report, 20 ms; with network interfaces, which may mean asking name servers, seconds. */
export function glibcVersion(): string | undefined {
  const { report } = process as unknown as { report: { excludeNetwork?: boolean; getReport(): unknown } };
  const before = report.excludeNetwork ?? false;
  report.excludeNetwork = true;
  const { header } = report.getReport() as { header: { glibcVersionRuntime?: string } };
  report.excludeNetwork = before;
  return header.glibcVersionRuntime;
}

/** What is wrong with a system, and what can be done about it. */
export interface PlatformProblem {
  /** A sentence without a full stop. */
  what: string;
  remedy: string;
}

/** Why nothing of this package can run here; undefined where it can. */
export function platformProblem({ os, arch, glibc, musl, processor, flags }: Platform): PlatformProblem | undefined {
  if (musl) {
    return {
      what: `There is no libtorch for ${os} ${arch} with musl (Alpine)`,
      remedy: 'Use an image with glibc, such as node:22-bookworm-slim instead of node:22-alpine.',
    };
  }
  if (os !== 'linux' || arch !== 'x64') {
    return {
      what: `There is no libtorch for ${os} ${arch}`,
      remedy: 'Run it on Linux x64 with glibc: a container or a virtual machine will do.',
    };
  }
  if (glibc !== undefined && compareVersions(glibc, LEAST_GLIBC) < 0) {
    return {
      what: `This system has glibc ${glibc}, and libtorch needs ${LEAST_GLIBC} or newer`,
      remedy: NEWER_SYSTEM,
    };
  }
  const missing = flags.size === 0 ? [] : NEEDED_FLAGS.filter((flag) => !flags.has(flag));
  if (missing.length > 0) {
    return {
      what: `This processor (${processor || 'of unknown make'}) lacks ${missing.join(', ')}, which libtorch needs`,
      remedy: SHOW_PROCESSOR,
    };
  }
  return undefined;
}

export const NEWER_SYSTEM = 'Use a newer system or image: Debian 10, Ubuntu 20.04, RHEL 8 and newer have it.';
export const SHOW_PROCESSOR =
  'In a virtual machine, let it show the processor of its host (QEMU: -cpu host); else use one of 2013 or newer.';

let checked: { problem: PlatformProblem | undefined } | undefined;

/** @throws EmotionError ERR_PLATFORM */
export function checkPlatform(): void {
  checked ??= { problem: platformProblem(readPlatform()) };
  const { problem } = checked;
  if (problem !== undefined) throw new EmotionError('ERR_PLATFORM', problem.what, { remedy: problem.remedy });
}

/** Below 0 where `a` is the older. */
export function compareVersions(a: string, b: string): number {
  const [x, y] = [a, b].map((version) => version.split('.').map(Number)) as [number[], number[]];
  for (let i = 0; i < Math.max(x.length, y.length); i++) {
    if ((x[i] ?? 0) !== (y[i] ?? 0)) return (x[i] ?? 0) - (y[i] ?? 0);
  }
  return 0;
}

export const ADDRESS_SPACE = 'Free memory, or lift the limit of the address space (ulimit -v).';
export const REBUILD =
  'Remove build/Release (or prebuilds/) and run `npx emotion2vec setup`, which builds the addon here.';

/** What the dynamic linker said, in words that tell what to do. */
export function explainLinker(file: string, words: string): { code: ErrorCode; what: string; remedy?: string } {
  const symbolVersion = /version [`']((GLIBC|GLIBCXX|CXXABI)_[\d.]+)' not found/.exec(words)?.[1];
  if (symbolVersion !== undefined) {
    const what = `${file} needs ${symbolVersion.replace('_', ' ')}, and this system is older`;
    return {
      code: 'ERR_PLATFORM',
      what,
      remedy: `${REBUILD} libtorch itself needs glibc ${LEAST_GLIBC}.`,
    };
  }
  if (/invalid ELF header|wrong ELF class|exec format|ELF file's phentsize|file too short/i.test(words)) {
    return {
      code: 'ERR_PLATFORM',
      what: `${file} is not for this machine (${words})`,
      remedy: `It was copied from another system, or is damaged. ${REBUILD}`,
    };
  }
  const [, missing, why] = /^(\S+): cannot open shared object file(: .*)?$/.exec(words) ?? [];
  if (missing !== undefined && (missing === file || missing.endsWith('.node'))) {
    // What glibc says of a file that is there, where it is made for another processor.
    return { code: 'ERR_ADDON_MISSING', what: `${file} is not for this machine (${words})`, remedy: REBUILD };
  }
  if (missing !== undefined && why !== undefined) {
    return {
      code: 'ERR_LIBTORCH_MISSING',
      what: `${file} needs ${missing}, which was not found beside it`,
      remedy:
        'Remove that libtorch and run `npx emotion2vec setup`; one that LIBTORCH names must keep its layout (torch/lib, nvidia/cu13/lib).',
    };
  }
  if (/undefined symbol|version .* not found/.test(words)) {
    return {
      code: 'ERR_ADDON_MISSING',
      what: `${file} was built for another libtorch (${words})`,
      remedy: REBUILD,
    };
  }
  if (/cannot allocate memory|failed to map segment|cannot create|cannot enable executable/i.test(words)) {
    return { code: 'ERR_OUT_OF_MEMORY', what: `${file} does not fit into memory (${words})`, remedy: ADDRESS_SPACE };
  }
  return { code: 'ERR_LIBTORCH_MISSING', what: words };
}
