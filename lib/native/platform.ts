import { MUSL, familySync, versionSync } from 'detect-libc';
import { existsSync, readFileSync } from 'node:fs';

import { EmotionError, type Problem } from '../shared/errors.js';

/** The properties of this system that decide whether libtorch runs on it. */
export interface Platform {
  os: string;
  arch: string;
  /** Version of glibc; undefined if it is not known. */
  glibc: string | undefined;
  musl: boolean;
  /** Name of the processor, and its `flags`, as in /proc/cpuinfo. */
  processor: string;
  flags: ReadonlySet<string>;
}

/** Processor flags that libtorch's kernels, at least those of oneDNN, require. */
const REQUIRED_FLAGS = ['sse4_1', 'ssse3'];
/** Minimum version of glibc for the wheels that libtorch comes in. */
export const MIN_GLIBC = '2.28';

/** Reads the platform without the version of glibc, because finding that takes as long as recognizing a short clip. */
export function readPlatform(): Platform {
  const cpuinfo = existsSync('/proc/cpuinfo') ? readFileSync('/proc/cpuinfo', 'utf8') : '';
  const field = (name: string) => new RegExp(`^${name}\\s*: (.*)$`, 'm').exec(cpuinfo)?.[1] ?? '';
  return {
    os: process.platform,
    arch: process.arch,
    glibc: undefined,
    musl: familySync() === MUSL,
    processor: field('model name'),
    flags: new Set(field('flags').split(' ').filter(Boolean)),
  };
}

/** Returns the version of glibc, which takes about 5 ms; undefined if it is not known. */
export function glibcVersion(): string | undefined {
  return familySync() === MUSL ? undefined : (versionSync() ?? undefined);
}

export const NEWER_SYSTEM =
  'Use a newer system or container image, such as Debian 10, Ubuntu 20.04, RHEL 8 or any later release.';
export const EXPOSE_PROCESSOR =
  "In a virtual machine, expose the host's processor (QEMU: -cpu host); otherwise use a processor of 2013 or newer.";

/** Returns why this package cannot run on a platform; undefined if it can. */
export function platformProblem({ os, arch, glibc, musl, processor, flags }: Platform): Problem | undefined {
  if (musl) {
    return {
      code: 'ERR_PLATFORM',
      what: `There is no libtorch for ${os} ${arch} with musl (Alpine)`,
      remedy: 'Use an image with glibc, such as node:22-bookworm-slim instead of node:22-alpine.',
    };
  }
  if (os !== 'linux' || arch !== 'x64') {
    return {
      code: 'ERR_PLATFORM',
      what: `There is no libtorch for ${os} ${arch}`,
      remedy: 'Run it on Linux x64 with glibc, for example in a container or a virtual machine.',
    };
  }
  if (glibc !== undefined && compareVersions(glibc, MIN_GLIBC) < 0) {
    return {
      code: 'ERR_PLATFORM',
      kind: 'old-system-libtorch',
      what: `This system has glibc ${glibc}, and libtorch needs ${MIN_GLIBC} or newer`,
      remedy: NEWER_SYSTEM,
    };
  }
  const missing = flags.size === 0 ? [] : REQUIRED_FLAGS.filter((flag) => !flags.has(flag));
  if (missing.length > 0) {
    return {
      code: 'ERR_PLATFORM',
      what: `This processor (${processor || 'unknown model'}) lacks ${missing.join(', ')}, which libtorch needs`,
      remedy: EXPOSE_PROCESSOR,
    };
  }
  return undefined;
}

let checked: { problem: Problem | undefined } | undefined;

/** @throws EmotionError ERR_PLATFORM if this package cannot run */
export function checkPlatform(): void {
  checked ??= { problem: platformProblem(readPlatform()) };
  if (checked.problem !== undefined) throw EmotionError.from(checked.problem);
}

/** Returns a number below 0 if version `a` is older than `b`, above 0 if it is newer. */
export function compareVersions(a: string, b: string): number {
  const [x, y] = [a, b].map((version) => version.split('.').map(Number)) as [number[], number[]];
  for (let i = 0; i < Math.max(x.length, y.length); i++) {
    if ((x[i] ?? 0) !== (y[i] ?? 0)) return (x[i] ?? 0) - (y[i] ?? 0);
  }
  return 0;
}
