import { largest } from '../shared/largest.js';

/** The libtorch that this package is built for, and the wheels that it comes in. No other file names these versions. */
export const LIBTORCH_VERSION = '2.11.0';
/** CUDA version that the pinned torch wheel is built for. */
export const CUDA_VERSION = '13.0';

export interface PinnedWheel {
  requirement: string;
  sha256: string;
  bytes: number;
}

/** The wheels to download, and which of their files are kept. */
export interface LibtorchSet {
  /** Name of its folder in the cache. */
  folder: string;
  wheels: readonly PinnedWheel[];
  /** Whether a file of an archive is kept, by its path in the archive. */
  keeps(name: string): boolean;
  /** Bytes of the files that are kept, unpacked. */
  keptBytes: number;
}

/** Wheels for Linux x64. The Python tag of the torch wheel does not matter, because only its C++ parts are used. */
const CPU_WHEELS: readonly PinnedWheel[] = [
  {
    requirement: `torch==${LIBTORCH_VERSION}`,
    sha256: '7aa2f9bbc6d4595ba72138026b2074be1233186150e9292865e04b7a63b8c67a',
    bytes: 530_604_548,
  },
  // libtorch_cpu.so of that wheel links these two, although nothing of CUDA runs on a CPU.
  {
    requirement: 'nvidia-cuda-runtime==13.0.96',
    sha256: '7f82250d7782aa23b6cfe765ecc7db554bd3c2870c43f3d1821f1d18aebf0548',
    bytes: 2_243_632,
  },
  {
    requirement: 'nvidia-cuda-cupti==13.0.85',
    sha256: '4eb01c08e859bf924d222250d2e8f8b8ff6d3db4721288cf35d14252a4d933c8',
    bytes: 10_715_597,
  },
];

/** Wheels that the torch wheel requires on a GPU, except Python packages and nvidia-nvtx, whose library nothing links. */
const CUDA_WHEELS: readonly PinnedWheel[] = [
  {
    requirement: 'nvidia-cublas==13.1.0.3',
    sha256: 'ee8722c1f0145ab246bccb9e452153b5e0515fd094c3678df50b2a0888b8b171',
    bytes: 423_133_236,
  },
  {
    requirement: 'nvidia-cudnn-cu13==9.19.0.56',
    sha256: 'd20e1734305e9d68889a96e3f35094d733ff1f83932ebe462753973e53a572bf',
    bytes: 366_066_321,
  },
  {
    requirement: 'nvidia-cufft==12.0.0.61',
    sha256: '6c44f692dce8fd5ffd3e3df134b6cdb9c2f72d99cf40b62c32dde45eea9ddad3',
    bytes: 214_085_489,
  },
  {
    requirement: 'nvidia-curand==10.4.0.35',
    sha256: '1aee33a5da6e1db083fe2b90082def8915f30f3248d5896bcec36a579d941bfc',
    bytes: 59_544_258,
  },
  {
    requirement: 'nvidia-cusparse==12.6.3.3',
    sha256: '2b3c89c88d01ee0e477cb7f82ef60a11a4bcd57b6b87c33f789350b59759360b',
    bytes: 145_942_937,
  },
  {
    requirement: 'nvidia-nvjitlink==13.0.88',
    sha256: '13a74f429e23b921c1109976abefacc69835f2f433ebd323d3946e11d804e47b',
    bytes: 40_713_933,
  },
  // Opened on first use: by linear algebra (libtorch_cuda_linalg.so) and by kernels that are compiled at run time.
  {
    requirement: 'nvidia-cusolver==12.0.4.66',
    sha256: '0a759da5dea5c0ea10fd307de75cdeb59e7ea4fcb8add0924859b944babf1112',
    bytes: 200_941_980,
  },
  {
    requirement: 'nvidia-cuda-nvrtc==13.0.88',
    sha256: 'ad9b6d2ead2435f11cbb6868809d2adeeee302e9bb94bcf0539c7a40d80e8575',
    bytes: 90_215_200,
  },
  // libtorch_cuda.so links these and does not open without them, although a model on one GPU calls none of them.
  {
    requirement: 'nvidia-nccl-cu13==2.28.9',
    sha256: 'e4553a30f34195f3fa1da02a6da3d6337d28f2003943aa0a3d247bbc25fefc42',
    bytes: 196_493_177,
  },
  {
    requirement: 'nvidia-cusparselt-cu13==0.8.0',
    sha256: '25e30a8a7323935d4ad0340b95a0b69926eee755767e8e0b1cf8dd85b197d3fd',
    bytes: 169_884_119,
  },
  {
    requirement: 'nvidia-nvshmem-cu13==3.4.5',
    sha256: '290f0a2ee94c9f3687a02502f3b9299a9f9fe826e6d0287ee18482e78d495b80',
    bytes: 60_412_546,
  },
  {
    requirement: 'nvidia-cufile==1.15.1.6',
    sha256: '08a3ecefae5a01c7f5117351c64f17c7c62efa5fffdbe24fc7d298da19cd0b44',
    bytes: 1_223_672,
  },
];

/** Options that make pip choose the same wheel in every version of Python. */
export const WHEEL_PLATFORM = [
  '--only-binary=:all:',
  '--python-version=3.11',
  '--implementation=cp',
  '--abi=cp311',
  '--abi=none',
  '--platform=manylinux_2_28_x86_64',
  '--platform=manylinux_2_27_x86_64',
  '--platform=manylinux_2_25_x86_64',
  '--platform=manylinux_2_18_x86_64',
  '--platform=manylinux2014_x86_64',
  '--platform=manylinux2010_x86_64',
];

const CPU_FILES =
  /^(torch\/(version\.py|build-version|include\/.+|lib\/(libc10|libtorch_cpu|libgomp[^/]*)\.so[^/]*)|nvidia\/cu13\/lib\/lib(cudart|cupti)\.so\.13|[^/]+\.dist-info\/licenses\/.+)$/;

// Every library that is not known to be unneeded is kept, so that archives with other names and folders, such as libtorch's zip,
// are complete too.
const LIBRARIES = /^(torch|nvidia\/[^/]+)\/(lib\/lib[^/]+\.so[^/]*|LICENSE[^/]*)$/;

/**
 * Libraries that no kept library links or opens at run time: for Python, for several GPUs, for profilers, and with other
 * interfaces.
 */
const LEFT_OUT =
  /\/lib(torch|torch_python|torch_global_deps|shm|cusolverMg|nvblas|cufftw|cufile_rdma|nvrtc\.alt|nvrtc-builtins\.alt|nvtx3interop|nvperf_host|nvperf_target|pcsamplingutil|checkpoint)\.so/;

/** For the CPU: half a gigabyte of 1.2 GB unpacked. */
export const CPU_SET: LibtorchSet = {
  folder: `libtorch-${LIBTORCH_VERSION}`,
  wheels: CPU_WHEELS,
  keeps: (name) => CPU_FILES.test(name),
  keptBytes: 497_100_000,
};

/** For the CPU and GPUs: 3.5 GB of 4.0 GB unpacked. */
export const CUDA_SET: LibtorchSet = {
  folder: `libtorch-${LIBTORCH_VERSION}-cuda`,
  wheels: [...CPU_WHEELS, ...CUDA_WHEELS],
  keeps: (name) => CPU_FILES.test(name) || (LIBRARIES.test(name) && !LEFT_OUT.test(name)),
  keptBytes: 3_533_000_000,
};

/**
 * Returns the free bytes that the disk must have during the download. pip copies each wheel once it is complete, so the
 * largest wheel counts twice.
 */
export function downloadSpace(set: LibtorchSet): number {
  return set.keptBytes + 2 * largest(set.wheels.map(({ bytes }) => bytes));
}

/** Returns the bytes of all wheels of a set. */
export function downloadBytes(set: LibtorchSet): number {
  return set.wheels.reduce((sum, { bytes }) => sum + bytes, 0);
}
