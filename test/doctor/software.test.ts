import type { Facts } from '../../lib/doctor/facts.js';
import type { LoaderReport } from '../../lib/doctor/probe/protocol.js';
import type { ErrorCode, Problem } from '../../lib/shared/errors.js';
import { crashed, failed, SMALL_CONTAINER, testCases } from './cases.js';
import { LIBTORCH, loaderDone, NO_DRIVER, skipped, wellFacts } from './well-facts.js';

const well = wellFacts();
const CACHE = { path: '/cache', exists: true, blocked: false, writable: true, freeBytes: 1e12 };
const TOOLS = { python: true, pip: true, cmake: true, compiler: true, make: true, mirror: false };

/** Facts without libtorch. */
const missing = (changes: Partial<Facts> = {}): Partial<Facts> => ({ libtorch: { value: undefined }, ...changes });
/** Facts without the addon. */
const unbuilt = (tools: Partial<Facts['tools']>, folder: Partial<Facts['addon']['folder']> = {}): Partial<Facts> => ({
  addon: { path: undefined, current: undefined, folder: { ...well.addon.folder, ...folder } },
  tools: { ...TOOLS, ...tools },
});
const loaderFailed = (code: ErrorCode, problem: Partial<Problem>): Partial<Facts> => ({
  loader: { end: 'failed', stage: 'loader', problem: { code, what: 'it failed', ...problem }, report: {} },
});

describe('what the doctor finds: the cache', () => {
  const cache = (changes: Partial<typeof CACHE>) => ({ cache: { ...CACHE, ...changes } });
  testCases({
    'it is not writable, and there is no libtorch': {
      facts: missing(cache({ writable: false })),
      id: 'software.cache',
      status: 'error',
      kind: 'not-writable',
      remedy: /EMOTION2VEC_CACHE/,
    },
    'it is not writable, and libtorch is in it': {
      facts: cache({ writable: false }),
      id: 'software.cache',
      status: 'ok',
      detail: /^\/cache/,
    },
    'its disk is full, and there is no libtorch': {
      facts: missing(cache({ exists: false, freeBytes: 300e6 })),
      id: 'software.cache',
      status: 'error',
      kind: 'disk-full',
      detail: /300 MB free, .* 1\.6 GB/,
    },
    'the user has no home folder': {
      facts: missing({ cache: undefined }),
      id: 'software.cache',
      status: 'error',
      kind: 'no-home',
      remedy: /HOME/,
    },
    'it is a file, and there is no libtorch': {
      facts: missing(cache({ path: '/etc/passwd', blocked: true })),
      id: 'software.cache',
      status: 'error',
      kind: 'not-a-folder',
    },
    'it is below a file, and libtorch is elsewhere': {
      facts: cache({ path: '/etc/passwd/x', exists: false, blocked: true }),
      id: 'software.cache',
      status: 'warning',
      kind: 'not-a-folder',
    },
  });
});

describe('what the doctor finds: libtorch', () => {
  testCases({
    'there is none': {
      facts: missing(skipped('ERR_LIBTORCH_MISSING')),
      id: 'software.libtorch',
      status: 'error',
      kind: 'missing',
      detail: /^2\.11\.0 /,
      remedy: /`npx emotion2vec setup`.* \d+ MB/,
    },
    'there is none, nor pip': {
      facts: missing({ tools: { ...TOOLS, pip: false } }),
      id: 'software.libtorch',
      status: 'error',
      kind: 'missing-tools',
      remedy: /apt-get install python3-pip.*`npx emotion2vec setup`/,
    },
    'there is none, nor pip, but a mirror': {
      facts: missing({ tools: { ...TOOLS, python: false, pip: false, mirror: true } }),
      id: 'software.libtorch',
      status: 'error',
      kind: 'missing',
    },
    'there is none, and the cache is not writable': {
      facts: missing({ cache: { ...CACHE, writable: false } }),
      id: 'software.libtorch',
      status: 'error',
      kind: 'not-writable',
    },
    'there is none, and the disk is full': {
      facts: missing({ cache: { ...CACHE, freeBytes: 1.2e9 } }),
      id: 'software.libtorch',
      status: 'error',
      kind: 'disk-full',
    },
    'LIBTORCH is another version': {
      facts: {
        libtorch: { problem: { code: 'ERR_LIBTORCH_MISSING', what: 'it is 2.4.0', remedy: 'Correct LIBTORCH.' } },
      },
      id: 'software.libtorch',
      status: 'error',
      kind: 'unusable',
      problem: { code: 'ERR_LIBTORCH_MISSING' },
      detail: /^it is 2\.4\.0$/,
      remedy: /^Correct LIBTORCH\.$/,
    },
    'the one in the cache is truncated': {
      facts: crashed('libtorch', { signal: 'SIGBUS' }),
      id: 'software.libtorch',
      status: 'error',
      kind: 'damaged',
      data: { source: 'cache' },
      remedy: /^Remove \/cache\/libtorch-2\.11\.0 and run `npx emotion2vec setup`\.$/,
    },
    'the one that LIBTORCH names lacks a library': {
      facts: {
        libtorch: { value: { ...LIBTORCH, root: '/opt/torch', source: 'LIBTORCH' } },
        ...failed('ERR_LIBTORCH_MISSING', { what: 'needs libcupti.so.13' }),
      },
      id: 'software.libtorch',
      status: 'error',
      kind: 'damaged',
      data: { source: 'LIBTORCH', root: '/opt/torch' },
      problem: { code: 'ERR_LIBTORCH_MISSING' },
      detail: /needs libcupti\.so\.13$/,
      remedy: /LIBTORCH/,
    },
    'it needs a newer glibc': {
      facts: failed('ERR_PLATFORM', { kind: 'old-system-libtorch' }),
      id: 'software.libtorch',
      status: 'error',
      kind: 'old-system',
      problem: { code: 'ERR_PLATFORM', kind: 'old-system-libtorch' },
      remedy: /^The advice of the error\.$/,
    },
  });
});

describe('what the doctor finds: the addon', () => {
  testCases({
    'it is not built, and there is no CMake': {
      facts: unbuilt({ cmake: false }),
      id: 'software.addon',
      status: 'error',
      kind: 'missing-tools',
      remedy: /^Install CMake 3\.18 or newer \(.*apt-get install cmake\)/,
    },
    'it is not built, and there is no make': {
      facts: unbuilt({ make: false }),
      id: 'software.addon',
      status: 'error',
      kind: 'missing-tools',
      remedy: /apt-get install make\)/,
    },
    'it is not built, and there are no tools': {
      facts: unbuilt({ cmake: false, compiler: false, make: false }),
      id: 'software.addon',
      status: 'error',
      kind: 'missing-tools',
      remedy: /apt-get install cmake g\+\+ make\)/,
    },
    "it is not built, in another user's folder": {
      facts: unbuilt({}, { path: '/usr/lib/p/build', exists: false, writable: false }),
      id: 'software.addon',
      status: 'error',
      kind: 'not-writable',
      remedy: /\/usr\/lib\/p\/build/,
    },
    'it is not built, and the disk is full': {
      facts: unbuilt({}, { freeBytes: 1e6 }),
      id: 'software.addon',
      status: 'error',
      kind: 'disk-full',
    },
    'it was built from other sources': {
      facts: { addon: { ...well.addon, current: false } },
      id: 'software.addon',
      status: 'warning',
      kind: 'outdated',
      remedy: /npx emotion2vec setup/,
    },
    'it was built for another libtorch': {
      facts: {
        loader: { end: 'done', report: { ...loaderDone(NO_DRIVER).report, libtorchVersion: '2.9.1' } as LoaderReport },
        ...failed('ERR_LIBTORCH_MISSING'),
      },
      id: 'software.addon',
      status: 'error',
      kind: 'other-libtorch',
      detail: /libtorch 2\.9\.1, .* 2\.11\.0$/,
      remedy: /build\/Release/,
    },
    'it does not load': {
      facts: loaderFailed('ERR_PLATFORM', { kind: 'old-system', remedy: 'Build the addon here.' }),
      id: 'software.addon',
      status: 'error',
      kind: 'not-loading',
      problem: { code: 'ERR_PLATFORM', kind: 'old-system' },
      remedy: /^Build the addon here\.$/,
    },
    'it needs a newer libstdc++, and libtorch does not': {
      facts: failed('ERR_PLATFORM', { kind: 'old-system' }),
      id: 'software.addon',
      status: 'error',
      kind: 'not-loading',
      problem: { code: 'ERR_PLATFORM', kind: 'old-system' },
    },
    'it was not tried for lack of memory': {
      facts: { memory: SMALL_CONTAINER, ...skipped('ERR_OUT_OF_MEMORY') },
      id: 'software.addon',
      status: 'info',
      kind: 'not-tried',
      detail: /^\/package\/.*; .*memory$/,
    },
  });
});

describe('what the doctor finds: ffmpeg', () => {
  testCases({
    'it is installed': {
      facts: {},
      id: 'software.ffmpeg',
      status: 'ok',
      data: { path: '/usr/bin/ffmpeg', version: '5.1.9' },
    },
    'it is not installed': {
      facts: { ffmpeg: { value: undefined } },
      id: 'software.ffmpeg',
      status: 'info',
      kind: 'missing',
    },
    'EMOTION2VEC_FFMPEG names one that is missing': {
      facts: { ffmpeg: { problem: { code: 'ERR_DECODER_UNAVAILABLE', what: 'EMOTION2VEC_FFMPEG is /nope' } } },
      id: 'software.ffmpeg',
      status: 'warning',
      kind: 'not-found',
      problem: { code: 'ERR_DECODER_UNAVAILABLE' },
      remedy: /apt-get install ffmpeg/,
    },
  });
});
