import assert from 'node:assert/strict';

import type { Facts } from '../../lib/doctor/facts.js';
import type { CudaDriver } from '../../lib/native/binding.js';
import { LIMITED_ADDRESSES, testCases } from './cases.js';
import { finding, H100, LARGE, LIBTORCH, loaderDone, NO_DRIVER, skipped } from './well-facts.js';

const device = H100.devices[0]!;
/** Facts with a driver and a libtorch with CUDA. */
const cuda = (driver: Partial<CudaDriver>, changes: Partial<Facts> = {}): Partial<Facts> => ({
  loader: loaderDone({ ...H100, ...driver }),
  libtorch: { value: { ...LIBTORCH, cuda: true } },
  ...changes,
});
const CRASHED: Facts['loader'] = {
  end: 'crashed',
  stage: 'driver',
  signal: 'SIGSEGV',
  status: null,
  stderr: '',
  report: {},
};

describe('what the doctor finds: devices', () => {
  testCases({
    'no NVIDIA driver, no GPU': { facts: {}, id: 'devices.driver', status: 'info', kind: 'no-gpu' },
    'GPUs without a driver': {
      facts: { gpus: 2 },
      id: 'devices.driver',
      status: 'warning',
      kind: 'no-driver',
      data: { gpus: 2 },
      remedy: /docker run --gpus all/,
    },
    'a GPU, and libtorch without CUDA': {
      facts: { loader: loaderDone(H100) },
      id: 'devices.driver',
      status: 'warning',
      kind: 'unusable',
      detail: /NVIDIA H100/,
      remedy: /setup --cuda/,
    },
    'a driver that is too old': {
      facts: cuda({ version: 12040, release: '550.54' }),
      id: 'devices.driver',
      status: 'warning',
      kind: 'unusable',
      data: { version: 12040, release: '550.54' },
      detail: /550\.54 .* CUDA 12\.4, .* 13\.0/,
    },
    'a driver that does not start': {
      facts: cuda({ state: 'failed', errorCode: 803, error: 'system has unsupported display driver', devices: [] }),
      id: 'devices.driver',
      status: 'warning',
      kind: 'unusable',
      data: { state: 'failed', errorCode: 803 },
    },
    'devices that are hidden on purpose': {
      facts: cuda({ devices: [] }, { environment: { CUDA_VISIBLE_DEVICES: '' } }),
      id: 'devices.driver',
      status: 'info',
      kind: 'no-device',
      detail: /CUDA_VISIBLE_DEVICES/,
    },
    'a driver that crashes': {
      facts: { loader: CRASHED },
      id: 'devices.driver',
      status: 'warning',
      kind: 'crashed',
      problem: { code: 'ERR_DEVICE_UNAVAILABLE' },
      detail: /SIGSEGV/,
      remedy: /nvidia-smi/,
    },
    'a driver that crashes with ulimit -v': {
      facts: { loader: CRASHED, memory: LIMITED_ADDRESSES },
      id: 'devices.driver',
      status: 'warning',
      kind: 'crashed',
      problem: { kind: 'address-space' },
      remedy: /ulimit -v unlimited/,
    },
    'a driver that hangs': {
      facts: { loader: { end: 'hung', stage: 'driver', seconds: 30, report: {} } },
      id: 'devices.driver',
      status: 'warning',
      kind: 'hung',
      problem: { code: 'ERR_TIMEOUT' },
      detail: /30 s/,
      remedy: /nvidia-smi/,
    },
    'a driver that could not be asked': {
      facts: { loader: { ...CRASHED, stage: 'loader' } },
      id: 'devices.driver',
      status: 'info',
      kind: 'not-tried',
    },
    'a GPU that works': {
      facts: cuda({}),
      id: 'devices.cuda:0',
      status: 'ok',
      data: { name: 'NVIDIA H100 80GB HBM3', bytesFree: 84e9 },
      detail: /^NVIDIA H100 80GB HBM3, 84\.0 GB of 85\.0 GB free$/,
    },
    'a GPU with too little memory': {
      facts: cuda({ devices: [{ ...device, bytesFree: 500e6 }] }, { models: [LARGE] }),
      id: 'devices.cuda:0',
      status: 'warning',
      kind: 'too-little-memory',
      detail: /500 MB of 85\.0 GB free: .*large\.pt/,
    },
    'a GPU that is too old for libtorch': {
      facts: cuda({ devices: [device, { ...device, name: 'Tesla P4', capability: 61 }] }),
      id: 'devices.cuda:1',
      status: 'warning',
      kind: 'unusable',
      data: { name: 'Tesla P4', capability: 61 },
      detail: /Tesla P4 .* 6\.1/,
    },
  });

  it('a driver without libtorch: no problem of CUDA is reported', () => {
    const missing = { libtorch: { value: undefined }, ...skipped('ERR_LIBTORCH_MISSING') };
    const facts = { ...missing, loader: loaderDone(H100) };
    assert.deepEqual(
      [finding(facts, 'devices.driver').status, finding(facts, 'devices.cuda:0').status],
      ['ok', 'info'],
    );
    assert.equal(finding({ ...missing, loader: loaderDone(NO_DRIVER) }, 'devices.driver').status, 'info');
  });
});
