import type { Facts } from '../../lib/doctor/facts.js';
import { LIMITED_ADDRESSES, SMALL_CONTAINER, testCases } from './cases.js';
import { LARGE, skipped, wellFacts } from './well-facts.js';

type Platform = Facts['system']['platform'];

const { system, memory } = wellFacts();
const platform = (changes: Partial<Platform>): Partial<Facts> => ({
  system: { ...system, platform: { ...system.platform, ...changes } },
});
const tooLarge = (memory: Facts['memory']): Partial<Facts> => ({
  models: [LARGE],
  memory,
  ...skipped('ERR_OUT_OF_MEMORY'),
});

describe('what the doctor finds: the system', () => {
  testCases({
    'an old Node': {
      facts: { node: { version: '18.20.4', needed: '20.19' } },
      id: 'system.node',
      status: 'warning',
      kind: 'old-node',
      data: { version: '18.20.4', needed: '20.19' },
    },
    'a Node that is just new enough': {
      facts: { node: { version: '20.19.0', needed: '20.19' } },
      id: 'system.node',
      status: 'ok',
      detail: /^20\.19\.0$/,
    },
    musl: {
      facts: platform({ musl: true, glibc: undefined }),
      id: 'system.os',
      status: 'error',
      kind: 'platform',
      data: { musl: true },
      problem: { code: 'ERR_PLATFORM' },
      remedy: /bookworm-slim/,
    },
    macOS: {
      facts: platform({ os: 'darwin', arch: 'arm64' }),
      id: 'system.os',
      status: 'error',
      kind: 'platform',
      data: { os: 'darwin', arch: 'arm64' },
      problem: { code: 'ERR_PLATFORM' },
    },
    'an old glibc': {
      facts: platform({ glibc: '2.17' }),
      id: 'system.libc',
      status: 'error',
      kind: 'old-libc',
      data: { glibc: '2.17' },
      problem: { code: 'ERR_PLATFORM', kind: 'old-system-libtorch' },
    },
    'an unknown glibc': {
      facts: platform({ glibc: undefined }),
      id: 'system.libc',
      status: 'info',
      kind: 'unknown-libc',
    },
    'a processor without SSE4.1': {
      facts: platform({ flags: new Set(['sse2', 'ssse3']) }),
      id: 'system.processor',
      status: 'error',
      kind: 'old-processor',
      problem: { code: 'ERR_PLATFORM' },
      detail: /lacks sse4_1,/,
      remedy: /-cpu host/,
    },
    'a processor without AVX2': {
      facts: platform({ flags: new Set(['sse4_1', 'ssse3']) }),
      id: 'system.processor',
      status: 'warning',
      kind: 'no-avx2',
      data: { extensions: [] },
      remedy: /-cpu host/,
    },
    'a processor with unknown features': {
      facts: platform({ flags: new Set() }),
      id: 'system.processor',
      status: 'info',
      kind: 'unknown-processor',
    },
    'a CPU quota': {
      facts: { processors: { total: 64, allowed: 64, omp: undefined, usable: 2 } },
      id: 'system.cores',
      status: 'info',
      kind: 'quota',
      detail: /^2 of 64 usable: /,
    },
    'an affinity mask': {
      facts: { processors: { total: 64, allowed: 8, omp: undefined, usable: 8 } },
      id: 'system.cores',
      status: 'info',
      kind: 'affinity',
      detail: /^8 of 64 usable: /,
    },
    OMP_NUM_THREADS: {
      facts: { processors: { total: 64, allowed: 64, omp: '1', usable: 1 } },
      id: 'system.cores',
      status: 'info',
      kind: 'omp-num-threads',
      detail: /^1 of 64 usable: OMP_NUM_THREADS=1$/,
    },
    'OMP_NUM_THREADS that is not a number': {
      facts: { processors: { total: 4, allowed: 4, omp: 'all', usable: 4 } },
      id: 'system.cores',
      status: 'warning',
      kind: 'invalid-omp-num-threads',
      detail: /OMP_NUM_THREADS="all"/,
    },
    'environment variables': {
      facts: { environment: { LIBTORCH: '/opt' } },
      id: 'system.environment',
      status: 'info',
      data: { LIBTORCH: '/opt' },
      detail: /^LIBTORCH=\/opt$/,
    },
  });
});

describe('what the doctor finds: memory', () => {
  testCases({
    'a container that is smaller than the model': {
      facts: tooLarge({ totalBytes: 64e9, availableBytes: 480e6, limitBytes: 512e6, addressSpaceBytes: null }),
      id: 'system.memory',
      status: 'error',
      kind: 'container-too-small',
      detail: /^480 MB of the 512 MB of its cgroup available; .* about 929 MB$/,
      remedy: /929 MB or more \(docker run --memory\)\. .* int8 .*`emotion2vec quantize/,
    },
    'memory that other programs use': {
      facts: tooLarge({ totalBytes: 64e9, availableBytes: 480e6, limitBytes: null, addressSpaceBytes: null }),
      id: 'system.memory',
      status: 'error',
      kind: 'memory-in-use',
      detail: /^480 MB of 64\.0 GB available; /,
    },
    'a container that is too small for the smallest model': {
      facts: { memory: SMALL_CONTAINER, ...skipped('ERR_OUT_OF_MEMORY') },
      id: 'system.memory',
      status: 'error',
      kind: 'container-too-small',
      detail: /^90 MB of the 100 MB of its cgroup available; .* about 153 MB$/,
      remedy: /^Give the container 153 MB or more \(docker run --memory\)\.$/, // neither quantizing nor another model helps
    },
    'a container that suffices for short clips': {
      facts: { memory: { ...SMALL_CONTAINER, availableBytes: 134e6, limitBytes: 150e6 } },
      id: 'system.memory',
      status: 'warning',
      kind: 'container-too-small',
      detail: /up to 153 MB for long clips$/,
    },
    'ulimit -v': {
      facts: { memory: { ...memory, addressSpaceBytes: 4e9 } },
      id: 'system.memory',
      status: 'warning',
      kind: 'address-space',
      data: { addressSpaceBytes: 4e9 },
      remedy: /ulimit -v unlimited/,
    },
    'ulimit -v, though memory suffices': {
      facts: { memory: LIMITED_ADDRESSES },
      id: 'system.memory',
      status: 'warning',
      kind: 'address-space',
    },
  });
});
