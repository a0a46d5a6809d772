/** A libtorch that cannot be found or loaded: the library reports it with the remedy, and does not end the process. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { inChild } from '../support/in-child.js';
import { CPU_FILES, writeFiles } from './mirror.js';

describe('a libtorch that cannot be used', () => {
  let folder: string;
  before(() => (folder = mkdtempSync(path.join(tmpdir(), 'emotion2vec-broken-'))));
  after(() => rmSync(folder, { recursive: true }));
  const WARM_UP = 'print(await new EmotionRecognizer().warmUp().catch(failed));';

  it('is an error with a remedy if the dynamic linker refuses it', async () => {
    const damaged = path.join(folder, 'damaged');
    writeFiles(damaged, CPU_FILES);
    const [error] = (await inChild({ LIBTORCH: damaged }, WARM_UP)) as [{ code: string; message: string }];
    assert.equal(error.code, 'ERR_LIBTORCH_MISSING', error.message);
    assert.ok(error.message.includes(damaged) && error.message.includes('`npx emotion2vec setup`'), error.message);
  });

  it('is an error with a remedy for a user without a home folder', async () => {
    const homeless = "require('node:os').homedir = () => { throw new Error('ENOENT'); };";
    const env = { HOME: '', XDG_CACHE_HOME: '', EMOTION2VEC_CACHE: '', LIBTORCH: '', PATH: '/nowhere' };
    const [error] = (await inChild(env, homeless + WARM_UP)) as [{ code: string; message: string }];
    assert.equal(error.code, 'ERR_LIBTORCH_MISSING', error.message);
    assert.match(error.message, /\bHOME\b.*EMOTION2VEC_CACHE.*LIBTORCH/);
  });
});
