import assert from 'node:assert/strict';

import { explainLinker, findLinkerMessage } from '../../lib/native/linker-error.js';
import type { Problem } from '../../lib/shared/errors.js';

/** Messages of glibc's dynamic linker, and what they mean. */
const CASES: [message: string, expected: Pick<Problem, 'code' | 'kind'>, what: RegExp, remedy: RegExp | undefined][] = [
  [
    "/lib/x86_64-linux-gnu/libc.so.6: version `GLIBC_2.34' not found (required by /p/emotion2vec.node)",
    { code: 'ERR_PLATFORM', kind: 'old-system' },
    /^FILE needs GLIBC 2\.34,/,
    /emotion2vec setup/,
  ],
  [
    "/usr/lib/libstdc++.so.6: version `GLIBCXX_3.4.30' not found (required by x)",
    { code: 'ERR_PLATFORM', kind: 'old-system' },
    /^FILE needs GLIBCXX 3\.4\.30,/,
    /emotion2vec setup/,
  ],
  ['/p/emotion2vec.node: invalid ELF header', { code: 'ERR_PLATFORM' }, /\(.*invalid ELF header\)$/, /copied|damaged/],
  ['/p/libc10.so: file too short', { code: 'ERR_PLATFORM' }, /\(.*file too short\)$/, /copied|damaged/],
  [
    'libcudart.so.13: cannot open shared object file: No such file or directory',
    { code: 'ERR_LIBTORCH_MISSING' },
    /^FILE needs libcudart\.so\.13,/,
    /npx emotion2vec setup/,
  ],
  [
    '/p/libemotion2vec_torch.so: undefined symbol: _ZN3c105ErrorE',
    { code: 'ERR_ADDON_MISSING' },
    /\(.*undefined symbol: _ZN3c105ErrorE\)$/,
    /build\/Release/,
  ],
  [
    'libtorch_cpu.so: failed to map segment from shared object',
    { code: 'ERR_OUT_OF_MEMORY' },
    /\(.*failed to map segment from shared object\)$/,
    /ulimit -v/,
  ],
  [
    '/p/emotion2vec.node: cannot open shared object file: No such file or directory',
    { code: 'ERR_ADDON_MISSING' },
    /^FILE .*\(.*cannot open shared object file/,
    /build\/Release/,
  ],
  ['something new', { code: 'ERR_LIBTORCH_MISSING' }, /^something new$/, undefined],
];

describe('a message of the dynamic linker', () => {
  for (const [message, { code, kind }, what, remedy] of CASES) {
    it(message.slice(0, 60), () => {
      const found = explainLinker('FILE', message);
      assert.deepEqual([found.code, found.kind], [code, kind]);
      assert.match(found.what, what);
      if (remedy === undefined) assert.equal(found.remedy, undefined);
      else assert.match(found.remedy!, remedy);
    });
  }

  it('is found in what a process wrote to stderr', () => {
    const message = 'libatomic.so.1: cannot open shared object file: No such file';
    assert.equal(findLinkerMessage(`x\nnode: error while loading shared libraries: ${message}\n`), message);
    assert.equal(findLinkerMessage('TypeError: x is not a function\n    at y (z.js:1:1)'), undefined);
  });
});
