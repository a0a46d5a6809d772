import assert from 'node:assert/strict';

import { glibcVersion, type Platform, platformProblem, readPlatform } from '../../lib/native/platform.js';
import type { Problem } from '../../lib/shared/errors.js';

const SUITABLE: Platform = {
  os: 'linux',
  arch: 'x64',
  glibc: '2.36',
  musl: false,
  processor: 'Some CPU',
  flags: new Set(['sse4_1', 'ssse3', 'avx2']),
};

describe('the platform', () => {
  it('is suitable where libtorch runs', () => {
    const unknown = { ...SUITABLE, glibc: undefined, flags: new Set<string>() };
    for (const platform of [SUITABLE, { ...SUITABLE, glibc: '2.28' }, unknown])
      assert.equal(platformProblem(platform), undefined);
  });

  const cases: [Partial<Platform>, Partial<Problem>, RegExp][] = [
    [{ musl: true }, { kind: undefined }, /musl \(Alpine\)/],
    [{ os: 'darwin', arch: 'arm64' }, { kind: undefined }, /darwin arm64/],
    [{ glibc: '2.17' }, { kind: 'old-system-libtorch' }, /glibc 2\.17.* 2\.28/],
    [{ flags: new Set(['sse2']) }, { kind: undefined }, /\(Some CPU\) lacks sse4_1, ssse3/],
  ];
  for (const [platform, { kind }, what] of cases) {
    it(`is not suitable: ${what.source}`, () => {
      const problem = platformProblem({ ...SUITABLE, ...platform })!;
      assert.deepEqual([problem.code, problem.kind], ['ERR_PLATFORM', kind]);
      assert.match(problem.what, what);
      assert.ok(problem.remedy !== undefined);
    });
  }

  it('is read from this system', () => {
    const { os, arch, processor, flags, musl } = readPlatform();
    assert.deepEqual([os, arch, musl], [process.platform, process.arch, false]);
    assert.ok(processor !== '' && flags.size > 0);
    assert.match(glibcVersion()!, /^2\.\d+$/);
  });
});
