import { crashed, failed, LIMITED_ADDRESSES, testCases } from './cases.js';
import { recognized, skipped } from './well-facts.js';

const PRELOADED = { LD_PRELOAD: '/usr/lib/libjemalloc.so' };

describe('what the doctor finds: crashes while libtorch and the addon load', () => {
  testCases({
    SIGSEGV: {
      facts: crashed('libtorch', { signal: 'SIGSEGV' }),
      id: 'software.addon',
      status: 'error',
      kind: 'not-loading',
      problem: { code: 'ERR_ADDON_MISSING' },
      detail: /^crashed loading libtorch and the addon: SIGSEGV \(/,
      remedy: /build\/Release/,
    },
    'with a library in LD_PRELOAD': {
      facts: { ...crashed('libtorch', { signal: 'SIGSEGV' }), environment: PRELOADED },
      id: 'software.addon',
      status: 'error',
      kind: 'not-loading',
      remedy: /LD_PRELOAD \(\/usr\/lib\/libjemalloc\.so\)/,
    },
    'with a module in NODE_OPTIONS': {
      facts: { ...crashed('libtorch', { signal: 'SIGSEGV' }), environment: { NODE_OPTIONS: '--require=./agent.js' } },
      id: 'software.addon',
      status: 'error',
      kind: 'not-loading',
      remedy: /NODE_OPTIONS \(--require=\.\/agent\.js\)/,
    },
    "with a message of the dynamic linker's": {
      facts: crashed('start', {
        status: 127,
        stderr:
          'node: error while loading shared libraries: libatomic.so.1: cannot open shared object file: No such file',
      }),
      id: 'software.addon',
      status: 'error',
      kind: 'not-loading',
      problem: { code: 'ERR_LIBTORCH_MISSING' },
      detail: /^exited with status 127 .* libatomic\.so\.1/,
    },
    'under ulimit -v': {
      facts: {
        ...crashed('start', { status: 134, stderr: 'FATAL ERROR: Zone Allocation failed' }),
        memory: LIMITED_ADDRESSES,
      },
      id: 'software.addon',
      status: 'error',
      kind: 'not-loading',
      problem: { kind: 'address-space' },
    },
    'under ulimit -v, with a message of the linker that memory ran out': {
      facts: {
        ...crashed('start', { status: 127, stderr: 'x: libc.so.6: failed to map segment from shared object' }),
        memory: LIMITED_ADDRESSES,
      },
      id: 'software.addon',
      status: 'error',
      kind: 'not-loading',
      problem: { code: 'ERR_OUT_OF_MEMORY', kind: 'address-space' },
    },
  });
});

describe('what the doctor finds: the recognition', () => {
  testCases({
    'it was not tried': {
      facts: skipped('ERR_LIBTORCH_MISSING', 'libtorch is missing'),
      id: 'recognition.cpu',
      status: 'error',
      kind: 'skipped',
      problem: { code: 'ERR_LIBTORCH_MISSING' },
    },
    'libtorch and the addon did not load': {
      facts: crashed('libtorch', { signal: 'SIGSEGV' }),
      id: 'recognition.cpu',
      status: 'error',
      kind: 'not-reached',
    },
    'a crash in a clip: SIGILL': {
      facts: crashed('clip', { signal: 'SIGILL' }),
      id: 'recognition.cpu',
      status: 'error',
      kind: 'crashed',
      problem: { code: 'ERR_MODEL_RUN' },
      remedy: /-cpu host/,
    },
    'the kernel killed it': {
      facts: crashed('model', { signal: 'SIGKILL' }),
      id: 'recognition.cpu',
      status: 'error',
      kind: 'crashed',
      problem: { code: 'ERR_OUT_OF_MEMORY' },
      remedy: /^Free memory, or raise the limit of the container\.$/, // there is no smaller model
    },
    'it exited with a stack trace': {
      facts: crashed('model', {
        status: 1,
        stderr: 'node:internal\n\nTypeError: x is not a function\n    at y (z.js:1:1)\n\nNode.js v22',
      }),
      id: 'recognition.cpu',
      status: 'error',
      kind: 'crashed',
      problem: { code: 'ERR_MODEL_LOAD' },
      detail: /^exited with status 1 .*: TypeError: x is not a function$/,
    },
    'a model that hangs': {
      facts: { recognitions: [{ device: 'cpu', outcome: { end: 'hung', stage: 'model', seconds: 120, report: {} } }] },
      id: 'recognition.cpu',
      status: 'error',
      kind: 'hung',
      problem: { code: 'ERR_TIMEOUT' },
      detail: /120 s/,
    },
    'a crash after the recognition': {
      facts: crashed('exit', { signal: 'SIGSEGV' }, recognized('cpu').report),
      id: 'recognition.cpu',
      status: 'warning',
      kind: 'crashed',
      detail: /11 ms.*SIGSEGV/,
    },
    'scores that are not numbers': {
      facts: { recognitions: [{ device: 'cpu', outcome: recognized('cpu', { scores: { angry: null, sad: null } }) }] },
      id: 'recognition.cpu',
      status: 'error',
      kind: 'wrong-scores',
    },
    'scores that do not sum to one': {
      facts: { recognitions: [{ device: 'cpu', outcome: recognized('cpu', { scores: { angry: 0.9, sad: 0.9 } }) }] },
      id: 'recognition.cpu',
      status: 'error',
      kind: 'wrong-scores',
      detail: /1\.800/,
    },
    'a crash under ulimit -v': {
      facts: { ...crashed('clip', { signal: 'SIGTRAP' }), memory: LIMITED_ADDRESSES },
      id: 'recognition.cpu',
      status: 'error',
      kind: 'crashed',
      problem: { kind: 'address-space' },
      remedy: /ulimit -v unlimited/,
    },
    'memory ran out under ulimit -v': {
      facts: { ...failed('ERR_OUT_OF_MEMORY', {}, 'model'), memory: LIMITED_ADDRESSES },
      id: 'recognition.cpu',
      status: 'error',
      kind: 'failed',
      problem: { code: 'ERR_OUT_OF_MEMORY', kind: 'address-space' },
    },
    'decoding failed for lack of memory under ulimit -v': {
      facts: { ...failed('ERR_AUDIO_DECODE', { kind: 'memory' }, 'clip'), memory: LIMITED_ADDRESSES },
      id: 'recognition.cpu',
      status: 'error',
      kind: 'failed',
      problem: { code: 'ERR_AUDIO_DECODE', kind: 'address-space' },
    },
    'a full disk, despite ulimit -v': {
      facts: { ...crashed('clip', { signal: 'SIGBUS' }), memory: LIMITED_ADDRESSES },
      id: 'recognition.cpu',
      status: 'error',
      kind: 'crashed',
      problem: { kind: undefined },
      detail: /SIGBUS/,
    },
    'a GPU that does not recognize': {
      facts: {
        recognitions: [
          { device: 'cpu', outcome: recognized('cpu') },
          { device: 'cuda:0', outcome: failed('ERR_MODEL_LOAD', {}, 'model').recognitions![0]!.outcome },
        ],
      },
      id: 'recognition.cuda:0',
      status: 'warning',
      kind: 'failed',
      problem: { code: 'ERR_MODEL_LOAD' },
      remedy: /^The advice of the error\.$/,
    },
  });
});
