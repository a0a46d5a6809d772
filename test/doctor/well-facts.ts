import type { Facts } from '../../lib/doctor/facts.js';
import type { Finding } from '../../lib/doctor/finding.js';
import { findingsOf } from '../../lib/doctor/findings.js';
import type { LoaderReport, Outcome, RecognitionReport } from '../../lib/doctor/probe/protocol.js';
import type { Libtorch } from '../../lib/libtorch/locate.js';
import type { CudaDriver } from '../../lib/native/binding.js';
import type { ErrorCode } from '../../lib/shared/errors.js';

export const NO_DRIVER: CudaDriver = {
  state: 'missing',
  error: 'libcuda.so.1: cannot open shared object file: No such file or directory',
  errorCode: 0,
  version: 0,
  release: '',
  devices: [],
};

export const H100: CudaDriver = {
  state: 'ready',
  error: '',
  errorCode: 0,
  version: 13000,
  release: '580.65.06',
  devices: [{ name: 'NVIDIA H100 80GB HBM3', capability: 90, bytesTotal: 85e9, bytesFree: 84e9 }],
};

export const LIBTORCH: Libtorch = {
  root: '/cache/libtorch-2.11.0',
  libDir: '/cache/libtorch-2.11.0/torch/lib',
  version: '2.11.0',
  source: 'cache',
  preload: [],
  cuda: false,
  cudaVersion: '13.0',
};

export const LARGE = {
  name: 'large.pt',
  path: '/models/large.pt',
  bytes: 649e6,
  builtIn: false,
  chosen: true,
  card: { value: { name: 'emotion2vec_plus_large', version: '1', precision: 'fp32', embeddingDim: 1024 } },
} as const;

export function loaderDone(driver: CudaDriver): Outcome<LoaderReport> {
  return {
    end: 'done',
    report: { libtorchVersion: '2.11.0', usableCpus: 4, memory: { availableBytes: 12e9, limitBytes: null }, driver },
  };
}

export function recognized(device: string, changes: Partial<RecognitionReport> = {}): Outcome<RecognitionReport> {
  return {
    end: 'done',
    report: {
      libtorchMs: 204,
      modelMs: 140,
      clipMs: 11,
      clipSeconds: 3,
      peakBytes: 243e6,
      device,
      precision: 'fp32',
      threads: 1,
      scores: { angry: 0.25, sad: 0.75 },
      ...changes,
    },
  };
}

/** The facts of a machine without problems and without a GPU. */
export function wellFacts(changes: Partial<Facts> = {}): Facts {
  return {
    version: '1.2.3',
    node: { version: '22.1.0', needed: '20.19' },
    system: {
      name: 'Debian GNU/Linux 12 (bookworm)',
      kernel: '6.1.0-27-amd64',
      platform: {
        os: 'linux',
        arch: 'x64',
        glibc: '2.36',
        musl: false,
        processor: 'Intel(R) Xeon(R) Gold 6148',
        flags: new Set(['sse4_1', 'ssse3', 'avx2', 'fma', 'avx512f']),
      },
    },
    processors: { total: 4, allowed: 4, omp: undefined, usable: 4 },
    memory: { totalBytes: 16e9, availableBytes: 12e9, limitBytes: null, addressSpaceBytes: null },
    environment: {},
    cache: { path: '/cache', exists: true, blocked: false, writable: true, freeBytes: 50e9 },
    libtorch: { value: LIBTORCH },
    addon: {
      path: '/package/build/Release/libemotion2vec_torch.so',
      current: true,
      folder: { path: '/package/build', exists: true, blocked: false, writable: true, freeBytes: 50e9 },
    },
    tools: undefined,
    ffmpeg: { value: { path: '/usr/bin/ffmpeg', version: '5.1.9' } },
    gpus: 0,
    loader: loaderDone(NO_DRIVER),
    models: [
      {
        name: 'small-en-de',
        path: '/package/models/small-en-de.pt',
        bytes: 5.1e6,
        builtIn: true,
        chosen: true,
        card: { value: { name: 'small-en-de', version: '2', precision: 'fp32', embeddingDim: 192 } },
      },
    ],
    modelProblem: { value: undefined },
    recognitions: [{ device: 'cpu', outcome: recognized('cpu') }],
    ...changes,
  };
}

/** The recognition on the CPU was not tried. */
export function skipped(code: ErrorCode, what = 'there is no time'): Pick<Facts, 'recognitions'> {
  return { recognitions: [{ device: 'cpu', outcome: { end: 'skipped', problem: { code, what }, report: {} } }] };
}

/** Judges facts that differ from those of a machine without problems, and returns the finding `id`. */
export function finding(facts: Partial<Facts>, id: string): Finding {
  const all = findingsOf(wellFacts(facts));
  const found = all.find((each) => each.id === id);
  if (found === undefined) throw new Error(`There is no ${id} among ${all.map((each) => each.id).join(' ')}`);
  return found;
}
