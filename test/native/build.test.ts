import assert from 'node:assert/strict';
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { writeFiles } from '../libtorch/mirror.js';
import { root } from '../support/paths.js';
import { runNode } from '../support/run.js';

/** Builds in a small package whose cmake-js is a script. */
describe('the build of the addon', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'emotion2vec-'));
    cpSync(path.join(root, 'dist'), path.join(folder, 'dist'), { recursive: true });
    writeFiles(folder, { 'package.json': '{}', 'CMakeLists.txt': '', 'native/addon.cc': '' });
    mkdirSync(path.join(folder, 'node_modules'));
    for (const name of ['node-gyp-build', 'detect-libc'])
      symlinkSync(path.join(root, 'node_modules', name), path.join(folder, 'node_modules', name));
    cmakeJs('console.error("ERROR OMG CMake executable is not found."); process.exit(1)');
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  const cmakeJs = (script: string) => writeFiles(folder, { 'dist/vendor/cmake-js.js': script });
  const built = path.join('build', 'Release', 'emotion2vec.node');

  /** Builds in a process that has run `patch`. Returns the content of the built file, or the error. */
  async function build(patch = ''): Promise<string> {
    const { stdout, stderr } = await runNode([
      '-e',
      `${patch}
      const { buildAddon } = require(${JSON.stringify(path.join(folder, 'dist/native/build.js'))});
      buildAddon({ root: '/nowhere', version: '2.11.0' }, () => {}, () => {}).then(
        () => console.log(require('fs').readFileSync(${JSON.stringify(path.join(folder, built))}, 'utf8')),
        ({ code, message }) => console.log(code + ': ' + message),
      );`,
    ]);
    assert.equal(stderr, '');
    return stdout.trimEnd();
  }

  it('reports why it failed, and where the log is', async () => {
    const log = path.join(folder, 'build/build.log');
    const start = `ERR_ADDON_BUILD: The addon did not build: ERROR OMG CMake executable is not found (the whole log is in ${log}). `;
    const message = await build();
    assert.ok(message.startsWith(start), message);
  });

  it('continues where its log cannot be written', async () => {
    mkdirSync(path.join(folder, 'build/build.log'), { recursive: true });
    assert.match(await build(), /^ERR_ADDON_BUILD: .*\bEISDIR: /);
    cmakeJs(`const out = process.argv.find((arg) => arg.startsWith('--out=')).slice(6) + '/Release/';
      require('fs').mkdirSync(out, { recursive: true });
      for (const name of ['libemotion2vec_torch.so', 'emotion2vec.node']) require('fs').writeFileSync(out + name, 'built');
      console.log('[100%]');`);
    assert.equal(await build(), 'built');
  });

  it('reports who can build where the package belongs to another user', async () => {
    const refused = `require('fs/promises').mkdir = (folder) =>
      Promise.reject(Object.assign(new Error("EACCES: permission denied, mkdir '" + folder + "'"), { code: 'EACCES' }));`;
    const message = await build(refused);
    assert.ok(
      message.startsWith(`ERR_ADDON_BUILD: The addon could not be built in ${folder}/build: EACCES: `),
      message,
    );
    assert.ok(message.endsWith(`Run \`npx emotion2vec setup\` as the owner of ${folder}, or as root.`), message);
    writeFileSync(path.join(folder, 'build'), 'a file');
    assert.match(await build(), /^ERR_ADDON_BUILD: .*\bEEXIST\b/);
  });
});
