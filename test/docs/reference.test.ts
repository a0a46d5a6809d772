/** The pages of docs/reference agree with the code. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';

import { ERROR_CODES } from '../../lib/shared/error-codes.js';
import { root } from '../support/paths.js';

const read = (file: string): string => readFileSync(path.join(root, file), 'utf8');
const { errorsPage } = createRequire(__filename)(path.join(root, 'scripts/docs/errors-page.js')) as {
  errorsPage: (codes: typeof ERROR_CODES) => string;
};

describe('docs/reference', () => {
  it('errors.md is what `npm run docs:errors` writes', () => {
    assert.equal(read('docs/reference/errors.md'), errorsPage(ERROR_CODES));
  });

  it('environment-variables.md lists every variable that the code reads', () => {
    const files = ['lib', 'native', 'bin'].flatMap((folder) =>
      readdirSync(path.join(root, folder), { recursive: true, encoding: 'utf8' })
        .filter((name) => /\.(ts|js|cc|h)$/.test(name))
        .map((name) => path.join(folder, name)),
    );
    const reads = /\benv(?:\.|\[['"])([A-Z][A-Z0-9_]+)|(?:getenv|setenv)\("(\w+)"|\b(EMOTION2VEC_[A-Z0-9_]+)/g;
    const variables = files.flatMap((file) => [...read(file).matchAll(reads)].map(([, a, b, c]) => a ?? b ?? c!));
    assert.ok(variables.includes('EMOTION2VEC_CACHE'));
    const page = read('docs/reference/environment-variables.md');
    const missing = [...new Set(variables)].filter((name) => !page.includes(`\`${name}\``));
    assert.deepEqual(missing, []);
  });

  it('cli.md has every command', () => {
    const sources = readdirSync(path.join(root, 'lib/cli'), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts'))
      .map((name) => read(path.join('lib/cli', name)));
    const commands = sources.flatMap((text) => [...text.matchAll(/\.command\('(\w+)/g)].map(([, name]) => name!));
    assert.ok(commands.length >= 9);
    const page = read('docs/reference/cli.md');
    const missing = commands.filter((name) => !page.includes(`\n## ${name}\n`));
    assert.deepEqual(missing, []);
  });
});
