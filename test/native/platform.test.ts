import assert from 'node:assert/strict';

import { explainLinker, type Platform, platformProblem } from '../../lib/native/platform.js';

const HERE: Platform = {
  os: 'linux',
  arch: 'x64',
  glibc: '2.36',
  musl: false,
  processor: 'Some CPU',
  flags: new Set(['sse4_1', 'ssse3', 'avx2']),
};

describe('the platform', () => {
  it('is fine where libtorch runs', () => {
    for (const platform of [HERE, { ...HERE, glibc: '2.28' }, { ...HERE, glibc: undefined, flags: new Set<string>() }])
      assert.equal(platformProblem(platform), undefined);
  });

  const cases: [Partial<Platform>, RegExp, RegExp][] = [
    [{ musl: true }, /^There is no libtorch for linux x64 with musl \(Alpine\)$/, /bookworm-slim/],
    [{ os: 'darwin', arch: 'arm64' }, /^There is no libtorch for darwin arm64$/, /Linux x64/],
    [{ glibc: '2.17' }, /^This system has glibc 2\.17, and libtorch needs 2\.28 or newer$/, /Debian 10/],
    [{ flags: new Set(['sse2']) }, /^This processor \(Some CPU\) lacks sse4_1, ssse3/, /-cpu host/],
  ];
  for (const [platform, what, remedy] of cases) {
    it(`is not: ${JSON.stringify(platform)}`, () => {
      const problem = platformProblem({ ...HERE, ...platform })!;
      assert.match(problem.what, what);
      assert.match(problem.remedy, remedy);
    });
  }
});

describe("the linker's words", () => {
  const cases: [words: string, code: string, what: RegExp, remedy: RegExp | undefined][] = [
    [
      "/lib/x86_64-linux-gnu/libc.so.6: version `GLIBC_2.34' not found (required by /p/emotion2vec.node)",
      'ERR_PLATFORM',
      /^FILE needs GLIBC 2\.34, and this system is older$/,
      /builds the addon here/,
    ],
    [
      "/usr/lib/libstdc++.so.6: version `GLIBCXX_3.4.30' not found (required by x)",
      'ERR_PLATFORM',
      /GLIBCXX 3\.4\.30/,
      /here/,
    ],
    [
      '/p/emotion2vec.node: invalid ELF header',
      'ERR_PLATFORM',
      /^FILE is not for this machine/,
      /copied from another system/,
    ],
    ['/p/libc10.so: file too short', 'ERR_PLATFORM', /^FILE is not for this machine/, /damaged/],
    [
      'libcudart.so.13: cannot open shared object file: No such file or directory',
      'ERR_LIBTORCH_MISSING',
      /^FILE needs libcudart\.so\.13, which was not found beside it$/,
      /npx emotion2vec setup/,
    ],
    [
      '/p/libemotion2vec_torch.so: undefined symbol: _ZN3c105ErrorE',
      'ERR_ADDON_MISSING',
      /^FILE was built for another libtorch/,
      /Remove build\/Release/,
    ],
    ['libtorch_cpu.so: failed to map segment from shared object', 'ERR_OUT_OF_MEMORY', /does not fit/, /ulimit -v/],
    [
      '/p/emotion2vec.node: cannot open shared object file: No such file or directory',
      'ERR_ADDON_MISSING',
      /^FILE is not for this machine/,
      /Remove build/,
    ],
    ['something new', 'ERR_LIBTORCH_MISSING', /^something new$/, undefined],
  ];
  for (const [words, code, what, remedy] of cases) {
    it(words.slice(0, 60), () => {
      const found = explainLinker('FILE', words);
      assert.equal(found.code, code);
      assert.match(found.what, what);
      if (remedy === undefined) assert.equal(found.remedy, undefined);
      else assert.match(found.remedy!, remedy);
    });
  }
});
