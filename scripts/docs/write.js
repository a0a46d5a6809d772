#!/usr/bin/env node
'use strict';
/**
 * Writes the generated pages of docs/reference. `npm run docs` compiles the library first.
 * Usage: node scripts/docs/write.js [errors] [cli] [api]   (default: all)
 */
const { execFileSync } = require('node:child_process');
const { readFileSync, writeFileSync } = require('node:fs');
const path = require('node:path');

const { errorsPage } = require('./errors-page.js');

const root = path.join(__dirname, '..', '..');
const page = (name) => path.join(root, 'docs', 'reference', `${name}.md`);

const pages = {
  errors() {
    const { ERROR_CODES } = require(path.join(root, 'dist', 'shared', 'error-codes.js'));
    writeFileSync(page('errors'), errorsPage(ERROR_CODES));
  },

  /** Replaces the text between the markers with the help of each command. */
  cli() {
    const help = (...args) =>
      execFileSync(process.execPath, [path.join(root, 'bin', 'emotion2vec.js'), ...args, '--help'], {
        encoding: 'utf8',
        env: { ...process.env, NO_COLOR: '1' },
      });
    const text = readFileSync(page('cli'), 'utf8').replace(
      /<!-- help (\w+): begin -->[^]*?<!-- help \1: end -->/g,
      (_, command) =>
        `<!-- help ${command}: begin -->\n\n\`\`\`text\n${help(command).trim()}\n\`\`\`\n\n<!-- help ${command}: end -->`,
    );
    writeFileSync(page('cli'), text);
  },

  /** Writes the pages of the public modules from their docstrings. */
  api() {
    const typedoc = path.join(root, 'node_modules', '.bin', 'typedoc');
    execFileSync(typedoc, ['--logLevel', 'Warn'], { cwd: root, stdio: 'inherit' });
    const modules = [
      ['emotion2vec-node', 'library', 'Library', 'emotion2vec-node', 'lib/index.ts'],
      ['torch', 'torch', 'TorchScript runtime', 'emotion2vec-node/torch', 'lib/torch.ts'],
    ];
    for (const [module, name, title, specifier, source] of modules) {
      const text = readFileSync(path.join(root, 'build', 'typedoc', `${module}.md`), 'utf8')
        .replace(
          /^# .*\n/,
          `# ${title}: \`${specifier}\`\n\n<!-- Written by \`npm run docs:api\` from ${source}. Do not edit. -->\n`,
        )
        .replaceAll('](emotion2vec-node.md', '](library.md')
        // TypeDoc expands the union of all codes in tables.
        .replaceAll(/(?:\\\| `"ERR_\w+"` ?){5,}/g, '[`ErrorCode`](library.md#errorcode) ')
        .replaceAll('](library.md#', name === 'library' ? '](#' : '](library.md#')
        .replaceAll(/\bdocs\/([\w/-]+\.md)\b/g, '[docs/$1](../$1)');
      writeFileSync(page(name), text);
    }
  },
};

const chosen = process.argv.slice(2);
for (const name of chosen.length > 0 ? chosen : Object.keys(pages)) pages[name]();
