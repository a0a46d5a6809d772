/** The samples in README and docs, and the package as npm would pack it. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';

import { root } from '../support/paths.js';
import { runNode } from '../support/run.js';

const DOCUMENTS = [
  'README.md',
  ...readdirSync(path.join(root, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md') && !name.startsWith('node_modules'))
    .map((name) => `docs/${name}`),
];
const textOf = (file: string): string => readFileSync(path.join(root, file), 'utf8');

describe('samples of README and docs', () => {
  // The samples of docstrings are short: they import nothing.
  const pages = DOCUMENTS.filter((file) => !/^docs\/reference\/(library|torch)\.md$/.test(file));
  const samples = pages.flatMap((file) =>
    [...textOf(file).matchAll(/^```js\n(.*?)^```$/gms)].map(([, code], i) => ({
      name: `${file.replaceAll('/', '-').replace(/\.md$/, '')}-${i}`,
      code: code!,
    })),
  );

  it('are complete modules of plain JavaScript that compile', async () => {
    assert.ok(samples.length >= 6);
    const folder = path.join(root, 'build/samples'); // inside the checkout, the name of the package resolves to the checkout
    mkdirSync(folder, { recursive: true });
    try {
      for (const { name, code } of samples) {
        assert.match(code, /^import /m, name);
        assert.doesNotMatch(
          code,
          /\brequire\(|\bawait using\b/,
          `${name}: require is not available in modules, and await using not before Node 24`,
        );
        writeFileSync(path.join(folder, `${name}.mts`), code);
      }
      const compilerOptions = {
        module: 'nodenext',
        target: 'es2023',
        lib: ['es2023', 'esnext.disposable'],
        types: ['node'],
      };
      const config = { compilerOptions: { ...compilerOptions, strict: true, noEmit: true, skipLibCheck: true } };
      writeFileSync(path.join(folder, 'tsconfig.json'), JSON.stringify(config));
      const { status, stdout } = await runNode([path.join(root, 'node_modules/typescript/bin/tsc'), '-p', folder]);
      assert.equal(status, 0, stdout);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

describe('the package', () => {
  let files: string[];
  before(() => {
    const listed = execFileSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], {
      cwd: root,
      encoding: 'utf8',
    });
    const [packed] = JSON.parse(listed) as [{ files: { path: string }[] }];
    files = packed.files.map((file) => file.path);
  });

  it('contains every file that its documents link to', () => {
    const documents = files.filter((file) => file.endsWith('.md'));
    assert.ok(
      DOCUMENTS.every((file) => documents.includes(file)),
      String(documents),
    );
    const dead = documents.flatMap((file) =>
      [...textOf(file).matchAll(/\]\((?!https?:|#)([^)#\s]+)/g)]
        .map(([, link]) => path.join(path.dirname(file), link!))
        .filter((target) => !files.includes(target)),
    );
    assert.deepEqual(dead, []);
  });

  it('contains no source maps, because it contains no sources', () => {
    assert.deepEqual(
      files.filter((file) => file.endsWith('.map')),
      [],
    );
  });
});
