#!/usr/bin/env node
'use strict';
const { existsSync } = require('node:fs');
const { enableCompileCache } = require('node:module');
const path = require('node:path');

enableCompileCache?.(); // Node 22.1 and newer: makes later starts faster
const main = path.join(__dirname, '..', 'dist', 'cli', 'main.js');
if (existsSync(main)) {
  require(main).main(process.argv.slice(2));
} else {
  console.error(
    'emotion2vec: this checkout is not compiled. Run `npm run compile` (`npm ci` does that unless scripts are disabled).',
  );
  process.exitCode = 1;
}
