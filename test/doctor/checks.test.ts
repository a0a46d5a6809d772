import assert from 'node:assert/strict';

import type { Facts } from '../../lib/doctor/facts.js';
import type { Status } from '../../lib/doctor/finding.js';
import { findingsOf, isWell } from '../../lib/doctor/findings.js';
import { type LoaderReport, NO_MEMORY, type RecognitionReport, type Stage } from '../../lib/doctor/probe/protocol.js';
import { summary } from '../../lib/doctor/report.js';
import { finding, H100, LARGE, LIBTORCH, loaderDone, NO_DRIVER, recognised, skipped, wellFacts } from './well-facts.js';

type Platform = Facts['system']['platform'];

const well = wellFacts();
const platform = (changes: Partial<Platform>): Partial<Facts> => ({
  system: { ...well.system, platform: { ...well.system.platform, ...changes } },
});
const crashed = (
  stage: Stage,
  end: { signal?: string; status?: number; words?: string },
  report: Partial<RecognitionReport> = {},
): Partial<Facts> => ({
  recognitions: [
    {
      device: 'cpu',
      outcome: { end: 'crashed', stage, signal: null, status: null, words: '', ...end, report },
    },
  ],
});

const loadFailed = (code: string, what: string, stage: Stage = 'libtorch'): Partial<Facts> => ({
  recognitions: [
    {
      device: 'cpu',
      outcome: { end: 'failed', stage, problem: { code, what, remedy: 'The advice of the error.' }, report: {} },
    },
  ],
});
const LIMITED: Facts['memory'] = { ...well.memory, addressSpaceBytes: 2e9 };
const SMALL: Facts['memory'] = { totalBytes: 16e9, availableBytes: 90e6, limitBytes: 100e6, addressSpaceBytes: null };

/** What is found, the finding that tells it, its status, and what its detail and remedy say. */
const CASES: [string, Partial<Facts>, string, Status, RegExp, RegExp?][] = [
  ['an old Node', { node: { version: '18.20.4', needed: '20.19' } }, 'system.node', 'warning', /18\.20\.4/, /Install/],
  ['a newer Node', { node: { version: '20.19.0', needed: '20.19' } }, 'system.node', 'ok', /^20\.19\.0$/],
  ['musl', platform({ musl: true, glibc: undefined }), 'system.os', 'error', /musl \(Alpine\)/, /bookworm-slim/],
  ['macOS', platform({ os: 'darwin', arch: 'arm64' }), 'system.os', 'error', /darwin arm64/, /container/],
  ['an old glibc', platform({ glibc: '2.17' }), 'system.libc', 'error', /glibc 2\.17.* 2\.28/, /RHEL 8/],
  ['an unknown glibc', platform({ glibc: undefined }), 'system.libc', 'info', /does not tell/],
  [
    'a processor without SSE4.1',
    platform({ flags: new Set(['sse2', 'ssse3']) }),
    'system.processor',
    'error',
    /lacks sse4_1/,
    /-cpu host/,
  ],
  [
    'a processor without AVX2',
    platform({ flags: new Set(['sse4_1', 'ssse3']) }),
    'system.processor',
    'warning',
    /no AVX2/,
    /-cpu host/,
  ],
  ['a processor that tells nothing', platform({ flags: new Set() }), 'system.processor', 'info', /cpuinfo/],
  [
    'a CPU quota',
    { processors: { total: 64, allowed: 64, omp: undefined, usable: 2 } },
    'system.cores',
    'info',
    /^2 of 64 usable: a CPU quota/,
  ],
  [
    'an affinity mask',
    { processors: { total: 64, allowed: 8, omp: undefined, usable: 8 } },
    'system.cores',
    'info',
    /^8 of 64 usable: an affinity mask/,
  ],
  [
    'OMP_NUM_THREADS',
    { processors: { total: 64, allowed: 64, omp: '1', usable: 1 } },
    'system.cores',
    'info',
    /^1 of 64 usable: OMP_NUM_THREADS=1$/,
  ],
  [
    'OMP_NUM_THREADS that is no number',
    { processors: { total: 4, allowed: 4, omp: 'all', usable: 4 } },
    'system.cores',
    'warning',
    /"all" is no number/,
    /unset/,
  ],
  [
    'a container smaller than the model',
    {
      models: [LARGE],
      memory: { totalBytes: 64e9, availableBytes: 480e6, limitBytes: 512e6, addressSpaceBytes: null },
      ...skipped(NO_MEMORY),
    },
    'system.memory',
    'error',
    /480 MB of the 512 MB of its cgroup available; with large\.pt a process takes about 929 MB$/,
    /^Give the container 929 MB or more \(docker run --memory\)\. As an archive in int8 .*`emotion2vec quantize/,
  ],
  [
    'memory that others have taken',
    {
      models: [LARGE],
      memory: { totalBytes: 64e9, availableBytes: 480e6, limitBytes: null, addressSpaceBytes: null },
      ...skipped(NO_MEMORY),
    },
    'system.memory',
    'error',
    /480 MB of 64\.0 GB available/,
    /^End what else takes memory/,
  ],
  [
    'ulimit -v',
    { memory: { ...well.memory, addressSpaceBytes: 4e9 } },
    'system.memory',
    'warning',
    /limited to 4\.0 GB \(ulimit -v\)/,
    /ulimit -v unlimited/,
  ],
  ['variables', { environment: { LIBTORCH: '/opt' } }, 'system.environment', 'info', /^LIBTORCH=\/opt$/],
  [
    'no libtorch',
    { libtorch: { value: undefined }, ...skipped('libtorch is missing') },
    'software.libtorch',
    'error',
    /2\.11\.0 was not found/,
    /^Run `npx emotion2vec setup`: it fetches \d+ MB/,
  ],
  [
    'no libtorch and no pip',
    {
      libtorch: { value: undefined },
      tools: { python: true, pip: false, cmake: true, compiler: true, make: true, mirror: false },
    },
    'software.libtorch',
    'error',
    /was not found/,
    /^Install python3's pip .*then run `npx emotion2vec setup`/,
  ],
  [
    'no libtorch and no pip, but a mirror',
    {
      libtorch: { value: undefined },
      tools: { python: false, pip: false, cmake: true, compiler: true, make: true, mirror: true },
    },
    'software.libtorch',
    'error',
    /was not found/,
    /^Run `npx emotion2vec setup`/,
  ],
  [
    'a LIBTORCH of another version',
    { libtorch: { problem: { what: 'LIBTORCH is /x, which holds version 2.4.0', remedy: 'Correct LIBTORCH.' } } },
    'software.libtorch',
    'error',
    /holds version 2\.4\.0/,
    /Correct/,
  ],
  [
    'a cache that cannot be written, and nothing in it',
    {
      libtorch: { value: undefined },
      cache: { path: '/cache', exists: true, blocked: false, writable: false, freeBytes: 1e12 },
    },
    'software.cache',
    'error',
    /cannot be written/,
    /EMOTION2VEC_CACHE/,
  ],
  [
    'a cache that cannot be written, and libtorch in it',
    { cache: { path: '/cache', exists: true, blocked: false, writable: false, freeBytes: 1e12 } },
    'software.cache',
    'ok',
    /^\/cache/,
  ],
  [
    'a full disk, and no libtorch',
    {
      libtorch: { value: undefined },
      cache: { path: '/cache', exists: false, blocked: false, writable: true, freeBytes: 300e6 },
    },
    'software.cache',
    'error',
    /300 MB free, .* takes 1\.6 GB/,
    /Free that much/,
  ],
  [
    'a user without a home folder',
    { libtorch: { value: undefined }, cache: undefined },
    'software.cache',
    'error',
    /no home folder/,
    /Set HOME/,
  ],
  [
    'no addon and no CMake',
    {
      addon: { ...well.addon, path: undefined, current: undefined },
      tools: { python: true, pip: true, cmake: false, compiler: true, make: true, mirror: false },
    },
    'software.addon',
    'error',
    /not built/,
    /^Install CMake 3\.18 or newer \(/,
  ],
  [
    'no addon, in a folder of somebody else',
    {
      addon: {
        path: undefined,
        current: undefined,
        folder: { path: '/usr/lib/p/build', exists: false, blocked: false, writable: false, freeBytes: 1e12 },
      },
    },
    'software.addon',
    'error',
    /not built/,
    /as the owner of \/usr\/lib\/p\/build/,
  ],
  [
    'an addon of other sources',
    { addon: { ...well.addon, current: false } },
    'software.addon',
    'warning',
    /other sources/,
    /emotion2vec setup/,
  ],
  [
    'an addon for another libtorch',
    {
      loader: {
        end: 'done',
        report: { ...loaderDone(NO_DRIVER).report, libtorchVersion: '2.9.1' } as LoaderReport,
      },
      recognitions: [
        {
          device: 'cpu',
          outcome: {
            end: 'failed',
            stage: 'libtorch',
            problem: { code: 'ERR_LIBTORCH_MISSING', what: 'The addon was built for libtorch 2.9.1' },
            report: {},
          },
        },
      ],
    },
    'software.addon',
    'error',
    /built for libtorch 2\.9\.1, and this one is 2\.11\.0/,
    /^Remove build\/Release/,
  ],
  [
    'a libtorch that is cut off, in the cache',
    crashed('libtorch', { signal: 'SIGBUS' }),
    'software.libtorch',
    'error',
    /^2\.11\.0 in the cache: crashed loading .*: SIGBUS/,
    /^Remove \/cache\/libtorch-2\.11\.0 and run `npx emotion2vec setup`\.$/,
  ],
  [
    'a libtorch that lacks a library, by LIBTORCH',
    {
      libtorch: { value: { ...LIBTORCH, root: '/opt/torch', source: 'LIBTORCH' } },
      recognitions: [
        {
          device: 'cpu',
          outcome: {
            end: 'failed',
            stage: 'libtorch',
            problem: { code: 'ERR_LIBTORCH_MISSING', what: 'needs libcupti.so.13' },
            report: {},
          },
        },
      ],
    },
    'software.libtorch',
    'error',
    /named by LIBTORCH: needs libcupti\.so\.13/,
    /^Set LIBTORCH to a whole libtorch/,
  ],
  [
    'an addon that does not load',
    {
      loader: {
        end: 'failed',
        stage: 'loader',
        problem: { code: 'ERR_PLATFORM', what: 'needs GLIBCXX 3.4.32', remedy: 'Build the addon here.' },
        report: {},
      },
    },
    'software.addon',
    'error',
    /GLIBCXX 3\.4\.32/,
    /Build the addon here/,
  ],
  [
    'a crash of libtorch: SIGSEGV',
    crashed('libtorch', { signal: 'SIGSEGV' }),
    'software.addon',
    'error',
    /^crashed loading libtorch and the addon: SIGSEGV \(/,
    /build\/Release/,
  ],
  [
    'a crash with a library of LD_PRELOAD',
    { ...crashed('libtorch', { signal: 'SIGSEGV' }), environment: { LD_PRELOAD: '/usr/lib/libjemalloc.so' } },
    'software.addon',
    'error',
    /SIGSEGV/,
    /^Try without LD_PRELOAD \(\/usr\/lib\/libjemalloc\.so\)\.$/,
  ],
  [
    'a crash with a module of NODE_OPTIONS',
    { ...crashed('libtorch', { signal: 'SIGSEGV' }), environment: { NODE_OPTIONS: '--require=./agent.js' } },
    'software.addon',
    'error',
    /SIGSEGV/,
    /^Try without NODE_OPTIONS/,
  ],
  [
    'a crash of a clip: SIGILL',
    crashed('clip', { signal: 'SIGILL' }),
    'recognition.cpu',
    'error',
    /^crashed recognising a clip: SIGILL \(an instruction that this processor does not have\)$/,
    /-cpu host/,
  ],
  [
    'a model that the kernel ended',
    crashed('model', { signal: 'SIGKILL' }),
    'recognition.cpu',
    'error',
    /^crashed loading the model: SIGKILL .*memory/,
    /Free memory/,
  ],
  [
    "an exit with the linker's words",
    crashed('start', {
      status: 127,
      words: 'node: error while loading shared libraries: libatomic.so.1: cannot open shared object file: No such file',
    }),
    'software.addon',
    'error',
    /^ended with status 127 starting Node: Node needs libatomic\.so\.1/,
    /setup/,
  ],
  [
    'an exit with a stack trace',
    crashed('model', {
      status: 1,
      words: 'node:internal\n\nTypeError: x is not a function\n    at y (z.js:1:1)\n\nNode.js v22',
    }),
    'recognition.cpu',
    'error',
    /^ended with status 1 loading the model: TypeError: x is not a function$/,
    /doctor --json/,
  ],
  [
    'a model that hangs',
    { recognitions: [{ device: 'cpu', outcome: { end: 'hung', stage: 'model', seconds: 120, report: {} } }] },
    'recognition.cpu',
    'error',
    /^still loading the model after 120 s, and was ended$/,
    /Try again/,
  ],
  [
    'a crash at the end',
    crashed('exit', { signal: 'SIGSEGV' }, recognised('cpu').report),
    'recognition.cpu',
    'warning',
    /11 ms.*; then it crashed ending: SIGSEGV/,
  ],
  [
    'an answer that is no number',
    { recognitions: [{ device: 'cpu', outcome: recognised('cpu', { scores: { angry: null, sad: null } }) }] },
    'recognition.cpu',
    'error',
    /answers what is no number/,
    /doctor --json/,
  ],
  [
    'an answer that is no distribution',
    { recognitions: [{ device: 'cpu', outcome: recognised('cpu', { scores: { angry: 0.9, sad: 0.9 } }) }] },
    'recognition.cpu',
    'error',
    /sum is 1\.800/,
  ],
  [
    'a model that there is not',
    { modelProblem: { problem: { what: 'There is no model "huge"', remedy: 'Run `emotion2vec models`.' } } },
    'models.chosen',
    'error',
    /"huge"/,
    /emotion2vec models/,
  ],
  [
    'a built-in model that is cut off',
    {
      models: [
        { ...well.models[0]!, card: { problem: { what: 'small-en-de.pt cannot be read: end of central directory' } } },
      ],
    },
    'models.small-en-de',
    'error',
    /cannot be read/,
    /Install the package again/,
  ],
  [
    'a cache that is a file, and no libtorch',
    {
      libtorch: { value: undefined },
      cache: { path: '/etc/passwd', exists: true, blocked: true, writable: true, freeBytes: 1e12 },
    },
    'software.cache',
    'error',
    /^\/etc\/passwd is not a folder$/,
    /^Set EMOTION2VEC_CACHE to a folder/,
  ],
  [
    'a cache below a file, and libtorch elsewhere',
    { cache: { path: '/etc/passwd/x', exists: false, blocked: true, writable: true, freeBytes: 1e12 } },
    'software.cache',
    'warning',
    /^\/etc\/passwd\/x would lie in what is not a folder$/,
    /^Set EMOTION2VEC_CACHE to a folder/,
  ],
  [
    'no libtorch, and a cache that cannot be written',
    {
      libtorch: { value: undefined },
      cache: { path: '/cache', exists: true, blocked: false, writable: false, freeBytes: 1e12 },
    },
    'software.libtorch',
    'error',
    /was not found/,
    /^Make \/cache writable/,
  ],
  [
    'no libtorch, and a full disk',
    {
      libtorch: { value: undefined },
      cache: { path: '/cache', exists: true, blocked: false, writable: true, freeBytes: 1.2e9 },
    },
    'software.libtorch',
    'error',
    /was not found/,
    /^Free that much/,
  ],
  [
    'no addon and nothing to build it with',
    {
      addon: { ...well.addon, path: undefined, current: undefined },
      tools: { python: true, pip: true, cmake: false, compiler: false, make: false, mirror: false },
    },
    'software.addon',
    'error',
    /not built/,
    /^Install CMake 3\.18 or newer and g\+\+ 10 or newer and make \(.*apt-get install cmake g\+\+ make\)/,
  ],
  [
    'no addon and no make',
    {
      addon: { ...well.addon, path: undefined, current: undefined },
      tools: { python: true, pip: true, cmake: true, compiler: true, make: false, mirror: false },
    },
    'software.addon',
    'error',
    /not built/,
    /^Install make \(Debian, Ubuntu: apt-get install make\)/,
  ],
  [
    'a libtorch that is damaged, as another error code tells',
    loadFailed('ERR_PLATFORM', 'libtorch in /x does not load: it is not for this machine (y.so: file too short)'),
    'software.libtorch',
    'error',
    /in the cache: libtorch in \/x does not load: .*file too short/,
    /^Remove \/cache\/libtorch-2\.11\.0 and run/,
  ],
  [
    'a libtorch for a newer glibc',
    loadFailed('ERR_PLATFORM', 'libtorch in /x does not load: it needs GLIBC 2.38, and this system is older'),
    'software.libtorch',
    'error',
    /needs GLIBC 2\.38/,
    /^The advice of the error\.$/,
  ],
  [
    'an addon for a newer libstdc++, though libtorch is well',
    loadFailed('ERR_PLATFORM', 'The addon does not load: /x.so needs GLIBCXX 3.4.32, and this system is older'),
    'software.addon',
    'error',
    /needs GLIBCXX 3\.4\.32/,
    /^The advice of the error\.$/,
  ],
  [
    'a crash under ulimit -v',
    { ...crashed('clip', { signal: 'SIGTRAP' }), memory: LIMITED },
    'recognition.cpu',
    'error',
    /^crashed recognising a clip: SIGTRAP$/,
    /^Lift the limit of the address space \(ulimit -v unlimited\)/,
  ],
  [
    'an exit under ulimit -v',
    { ...crashed('start', { status: 134, words: 'FATAL ERROR: Zone Allocation failed' }), memory: LIMITED },
    'software.addon',
    'error',
    /^ended with status 134/,
    /^Lift the limit of the address space/,
  ],
  [
    'memory that runs out under ulimit -v',
    { ...loadFailed('ERR_OUT_OF_MEMORY', 'm.pt: memory ran out', 'model'), memory: LIMITED },
    'recognition.cpu',
    'error',
    /memory ran out$/,
    /^Lift the limit of the address space/,
  ],
  [
    'a full disk, though there is a ulimit -v',
    { ...crashed('clip', { signal: 'SIGBUS' }), memory: LIMITED },
    'recognition.cpu',
    'error',
    /SIGBUS/,
    /^Check the disk/,
  ],
  [
    'a driver that crashes under ulimit -v',
    {
      loader: { end: 'crashed', stage: 'driver', signal: 'SIGSEGV', status: null, words: '', report: {} },
      memory: LIMITED,
    },
    'devices.driver',
    'warning',
    /SIGSEGV/,
    /^Lift the limit of the address space/,
  ],
  [
    'an ffmpeg',
    {},
    'software.ffmpeg',
    'ok',
    /^5\.1\.9: used for formats of audio that are not built in: \/usr\/bin\/ffmpeg$/,
  ],
  ['no ffmpeg', { ffmpeg: { value: undefined } }, 'software.ffmpeg', 'info', /^not there/],
  [
    'an ffmpeg that is named and missing',
    { ffmpeg: { problem: { what: 'EMOTION2VEC_FFMPEG names /nope', remedy: 'Install ffmpeg.' } } },
    'software.ffmpeg',
    'warning',
    /^EMOTION2VEC_FFMPEG names \/nope$/,
    /^Install ffmpeg\.$/,
  ],
  [
    'a container too small for the smallest model',
    { memory: SMALL, ...skipped(`${NO_MEMORY}, as it takes more`) },
    'system.memory',
    'error',
    /90 MB of the 100 MB of its cgroup available; with small-en-de a process takes about 153 MB$/,
    /^Give the container 153 MB or more \(docker run --memory\)\.$/,
  ],
  [
    'an addon that was not tried, as there is no memory',
    { memory: SMALL, ...skipped(`${NO_MEMORY}, as it takes more`) },
    'software.addon',
    'info',
    /^\/package\/.*; not tried for lack of memory$/,
  ],
  [
    'a model that does not fit',
    { memory: SMALL, ...skipped(`${NO_MEMORY}, as it takes more`) },
    'models.small-en-de',
    'warning',
    /built in; too little memory on cpu$/,
  ],
  [
    'a container that does for a short clip',
    { memory: { ...SMALL, availableBytes: 134e6, limitBytes: 150e6 } },
    'system.memory',
    'warning',
    /takes up to 153 MB for long clips$/,
    /^Give the container 153 MB/,
  ],
  [
    'a model that ran, whatever memory there seems to be',
    { memory: { ...SMALL, availableBytes: 134e6, limitBytes: 150e6 } },
    'models.small-en-de',
    'ok',
    /fits as .*fp32.* on cpu$/,
  ],
  [
    'the smallest model, which the kernel ended',
    crashed('model', { signal: 'SIGKILL' }),
    'recognition.cpu',
    'error',
    /SIGKILL/,
    /^Free memory, or raise the limit of the container\.$/,
  ],
  ['no NVIDIA driver, no GPU', {}, 'devices.driver', 'info', /no NVIDIA driver/],
  ['a GPU without a driver', { gpus: 2 }, 'devices.driver', 'warning', /2 NVIDIA GPUs/, /--gpus all/],
  [
    'a GPU, and libtorch without CUDA',
    { loader: loaderDone(H100) },
    'devices.driver',
    'warning',
    /without CUDA, and NVIDIA H100/,
    /setup --cuda/,
  ],
  [
    'a driver that is too old',
    {
      loader: loaderDone({ ...H100, version: 12040, release: '550.54' }),
      libtorch: { value: { ...LIBTORCH, cuda: true } },
    },
    'devices.driver',
    'warning',
    /550\.54 supports CUDA 12\.4, .* needs 13\.0/,
    /Update the driver/,
  ],
  [
    'a driver that does not start',
    {
      loader: loaderDone({
        ...H100,
        state: 'failed',
        errorCode: 803,
        error: 'system has unsupported display driver',
        devices: [],
      }),
      libtorch: { value: { ...LIBTORCH, cuda: true } },
    },
    'devices.driver',
    'warning',
    /does not start/,
    /Restart the machine/,
  ],
  [
    'devices that are hidden on purpose',
    {
      loader: loaderDone({ ...H100, devices: [] }),
      libtorch: { value: { ...LIBTORCH, cuda: true } },
      environment: { CUDA_VISIBLE_DEVICES: '' },
    },
    'devices.driver',
    'info',
    /CUDA_VISIBLE_DEVICES is ""/,
  ],
  [
    'a driver that crashes',
    {
      loader: { end: 'crashed', stage: 'driver', signal: 'SIGSEGV', status: null, words: '', report: {} },
    },
    'devices.driver',
    'warning',
    /crashed asking NVIDIA's driver: SIGSEGV/,
    /nvidia-smi/,
  ],
  [
    'a driver that hangs',
    { loader: { end: 'hung', stage: 'driver', seconds: 30, report: {} } },
    'devices.driver',
    'warning',
    /still asking NVIDIA's driver after 30 s/,
    /nvidia-smi/,
  ],
  [
    'a GPU that works',
    { loader: loaderDone(H100), libtorch: { value: { ...LIBTORCH, cuda: true } } },
    'devices.cuda:0',
    'ok',
    /^NVIDIA H100 80GB HBM3, 84\.0 GB of 85\.0 GB free$/,
  ],
  [
    'a GPU with too little memory',
    {
      loader: loaderDone({ ...H100, devices: [{ ...H100.devices[0]!, bytesFree: 500e6 }] }),
      libtorch: { value: { ...LIBTORCH, cuda: true } },
      models: [LARGE],
    },
    'devices.cuda:0',
    'warning',
    /500 MB of 85\.0 GB free: too little for large\.pt/,
    /End what else/,
  ],
  [
    'a GPU of which libtorch knows nothing more',
    {
      loader: loaderDone({
        ...H100,
        devices: [...H100.devices, { ...H100.devices[0]!, name: 'Tesla P4', capability: 61 }],
      }),
      libtorch: { value: { ...LIBTORCH, cuda: true } },
    },
    'devices.cuda:1',
    'warning',
    /Tesla P4 has compute capability 6\.1/,
    /cpu/,
  ],
  [
    'a GPU that does not recognise',
    {
      recognitions: [
        { device: 'cpu', outcome: recognised('cpu') },
        {
          device: 'cuda:0',
          outcome: { end: 'failed', stage: 'model', problem: { what: 'CUDA error', remedy: 'Free some.' }, report: {} },
        },
      ],
    },
    'recognition.cuda:0',
    'warning',
    /CUDA error/,
    /Free some/,
  ],
];

describe('what the doctor finds', () => {
  it('nothing, where nothing is wrong', () => {
    const findings = findingsOf(well);
    assert.ok(isWell(findings));
    assert.deepEqual(
      findings.filter(({ status }) => status !== 'ok').map(({ id }) => id),
      ['devices.driver'],
    );
    assert.ok(findings.every(({ remedy }) => remedy === undefined));
    assert.equal(summary(findings).status, 'ok');
  });

  for (const [name, facts, id, status, detail, remedy] of CASES) {
    it(name, () => {
      const found = finding(facts, id);
      assert.equal(found.status, status, found.detail);
      assert.match(found.detail, detail);
      assert.doesNotMatch(found.detail, /undefined|NaN|\.$/);
      if (remedy !== undefined) assert.match(found.remedy!, remedy);
      const findings = findingsOf(wellFacts(facts));
      for (const each of findings) {
        const bad = each.status === 'warning' || each.status === 'error';
        assert.equal(each.remedy !== undefined, bad, `${each.id}: a remedy where it is not well, and only there`);
        if (bad) assert.match(each.remedy!, /^[A-Z].*[.)]$/);
      }
      if (status === 'error') assert.ok(!isWell(findings));
      assert.equal(new Set(findings.map((each) => each.id)).size, findings.length);
    });
  }

  it('what a model fits in, by device', () => {
    const both = { loader: loaderDone(H100), libtorch: { value: { ...LIBTORCH, cuda: true } }, models: [LARGE] };
    assert.match(
      finding(both, 'models.large.pt').detail,
      /^649 MB in fp32; fits as fp32, int8 on cpu; fp32, bf16, fp16, int8 on cuda:0$/,
    );
    const little = { ...both, memory: { ...well.memory, availableBytes: 900e6 }, ...skipped(NO_MEMORY) };
    assert.match(finding(little, 'system.memory').remedy!, /As an archive in bf16 .*`emotion2vec quantize/);
    assert.deepEqual(finding(little, 'models.large.pt').data!['fits'], {
      cpu: ['int8'],
      'cuda:0': ['fp32', 'bf16', 'fp16', 'int8'],
    });
    const bf16 = { ...LARGE, bytes: 325e6, card: { value: { ...LARGE.card.value, precision: 'bf16' as const } } };
    const untried = { models: [bf16], ...skipped('there is no time') };
    assert.deepEqual(finding(untried, 'models.large.pt').data!['fits'], { cpu: ['bf16'] });
  });

  it('devices that are alike are told together', () => {
    const two = { ...H100, devices: [H100.devices[0]!, H100.devices[0]!] };
    const { detail } = finding(
      { loader: loaderDone(two), libtorch: { value: { ...LIBTORCH, cuda: true } } },
      'models.small-en-de',
    );
    assert.match(detail, /fp32, int8 on cpu; fp32, bf16, fp16, int8 on cuda:0 and cuda:1$/);
  });

  it('of a driver that only lacks libtorch, no more than it tells', () => {
    const facts = { libtorch: { value: undefined }, loader: loaderDone(H100), ...skipped('libtorch is missing') };
    assert.deepEqual(
      [finding(facts, 'devices.driver').status, finding(facts, 'devices.cuda:0').status],
      ['ok', 'info'],
    );
    const asleep = { libtorch: { value: undefined }, loader: loaderDone(NO_DRIVER), ...skipped('libtorch is missing') };
    assert.equal(finding(asleep, 'devices.driver').status, 'info');
  });

  it('in the order in which one would mend it, whatever else follows from that', () => {
    const facts = wellFacts({
      libtorch: { value: undefined },
      cache: { path: '/cache', exists: true, blocked: false, writable: false, freeBytes: 1e12 },
      ...skipped('libtorch is missing'),
    });
    const { status, text } = summary(findingsOf(facts));
    assert.equal(status, 'error');
    assert.match(
      text,
      /^Recognition does not work here\. First thing to do: Make \/cache writable, or set EMOTION2VEC_CACHE/,
    );
  });

  it('that under ulimit -v lifting it is the first thing to do', () => {
    for (const facts of [
      crashed('clip', { signal: 'SIGTRAP' }),
      crashed('libtorch', { signal: 'SIGSEGV' }),
      loadFailed('ERR_OUT_OF_MEMORY', 'memory ran out', 'model'),
    ]) {
      const { text } = summary(findingsOf(wellFacts({ ...facts, memory: LIMITED })));
      assert.match(text, /First thing to do: Lift the limit of the address space \(ulimit -v unlimited\)/);
    }
  });

  it('even where a check fails', () => {
    const broken = { ...well, processors: undefined } as unknown as Facts;
    const found = findingsOf(broken).find(({ id }) => id === 'doctor.checkCores')!;
    assert.equal(found.status, 'warning');
    assert.match(found.detail, /^checkCores failed: /);
  });
});
