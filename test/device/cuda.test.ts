import assert from 'node:assert/strict';

import { cudaProblem } from '../../lib/device/cuda.js';
import type { CudaDriver } from '../../lib/native/binding.js';

const GPU = { name: 'NVIDIA L4', capability: 89, bytesTotal: 24e9, bytesFree: 23e9 };
const DRIVER: CudaDriver = {
  state: 'ready',
  error: '',
  errorCode: 0,
  version: 13_000,
  release: '580.65.06',
  devices: [GPU, { ...GPU, name: 'NVIDIA T4', capability: 75 }],
};
const LIBTORCH = { root: '/cache/libtorch', cuda: true, cudaVersion: '13.0' };

describe('the reason why CUDA cannot be used', () => {
  const problem = (
    driver: Partial<CudaDriver> = {},
    { index = 0, libtorch = {}, env = {} }: { index?: number; libtorch?: object; env?: Record<string, string> } = {},
  ) => cudaProblem({ ...DRIVER, ...driver }, { ...LIBTORCH, ...libtorch }, index, env);

  it('is undefined where it can', () => {
    assert.equal(problem(), undefined);
    assert.equal(problem({}, { index: 1 }), undefined);
    assert.equal(problem({ version: 13_020 }), undefined, 'a newer driver');
    assert.equal(problem({}, { libtorch: { cudaVersion: '13.2' } }), undefined, 'a driver runs any minor version');
  });

  const cases: [title: string, ReturnType<typeof problem>, what: RegExp, remedy: RegExp, hardware: boolean][] = [
    [
      'no driver',
      problem({ state: 'missing', error: 'libcuda.so.1: cannot open shared object file', version: 0, devices: [] }),
      /no NVIDIA driver \(libcuda\.so\.1: cannot open/,
      /--gpus all/,
      false,
    ],
    [
      'a driver that is too old, before its other problems',
      problem({ state: 'failed', error: 'CUDA_ERROR_UNKNOWN', version: 12_040, release: '550.54.15', devices: [] }),
      /^The NVIDIA driver 550\.54\.15 supports CUDA 12\.4, and this libtorch needs 13\.0$/,
      /Update the driver/,
      true,
    ],
    [
      'a driver that was updated while an older one was loaded',
      problem({ state: 'failed', error: 'CUDA_ERROR_SYSTEM_DRIVER_MISMATCH: ...', errorCode: 803, devices: [] }),
      /^The NVIDIA driver does not start: CUDA_ERROR_SYSTEM_DRIVER_MISMATCH/,
      /^Restart the machine/,
      true,
    ],
    ['no device', problem({ devices: [] }), /^The NVIDIA driver finds no device$/, /nvidia-smi/, false],
    [
      'hidden devices',
      problem({ devices: [] }, { env: { CUDA_VISIBLE_DEVICES: '7' } }),
      /finds no device \(CUDA_VISIBLE_DEVICES is "7"\)$/,
      /nvidia-smi/,
      true,
    ],
    [
      'an index out of range',
      problem({}, { index: 2 }),
      /^The NVIDIA driver has 2 devices: cuda:0 \(NVIDIA L4\), cuda:1 \(NVIDIA T4\)$/,
      /^Choose one/,
      true,
    ],
    [
      'a device that is too old',
      problem({ devices: [{ ...GPU, name: 'GTX 1080', capability: 61 }] }),
      /^GTX 1080 has compute capability 6\.1, and this libtorch needs 7\.5 or newer$/,
      /cpu/,
      true,
    ],
    [
      'a libtorch without CUDA',
      problem({}, { libtorch: { cuda: false } }),
      /\/cache\/libtorch .*NVIDIA L4$/,
      /setup --cuda/,
      true,
    ],
  ];
  for (const [title, found, what, remedy, hardware] of cases) {
    it(title, () => {
      assert.equal(found!.code, 'ERR_DEVICE_UNAVAILABLE');
      assert.match(found!.what, what);
      assert.match(found!.remedy, remedy);
      assert.equal(found!.hardware, hardware);
    });
  }
});
