/** The libtorch that this package is built for, and where its parts come from: the one place that names versions. */
export const LIBTORCH_VERSION = '2.11.0';

export interface PinnedWheel {
  requirement: string;
  sha256: string;
  bytes: number;
}

/** Linux x64. The Python tag of the torch wheel does not matter: only its C++ parts are used. */
export const PINNED_WHEELS: readonly PinnedWheel[] = [
  {
    requirement: `torch==${LIBTORCH_VERSION}`,
    sha256: '7aa2f9bbc6d4595ba72138026b2074be1233186150e9292865e04b7a63b8c67a',
    bytes: 530_604_548,
  },
  // libtorch_cpu.so of that wheel links these two, though nothing of CUDA runs on a CPU.
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

/** Which wheel pip is to take, whatever Python runs it. */
export const WHEEL_PLATFORM = [
  '--only-binary=:all:',
  '--python-version=3.11',
  '--implementation=cp',
  '--abi=cp311',
  '--abi=none',
  '--platform=manylinux_2_28_x86_64',
  '--platform=manylinux_2_25_x86_64',
  '--platform=manylinux2014_x86_64',
];

/** What is kept of the wheels: 520 MB of 1.2 GB. */
export const KEPT =
  /^(torch\/(version\.py|include\/.+|lib\/(libc10|libtorch_cpu|libgomp[^/]*)\.so[^/]*)|nvidia\/cu13\/lib\/lib(cudart|cupti)\.so\.13|[^/]+\.dist-info\/licenses\/.+|lib\/.+|include\/.+|build-version)$/;

/** Space that extraction needs beside the archives. */
export const KEPT_BYTES = 560_000_000;
