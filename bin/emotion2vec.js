#!/usr/bin/env node
'use strict';
const { existsSync } = require('node:fs');
const { enableCompileCache } = require('node:module');
const path = require('node:path');

enableCompileCache?.(); // from Node 22.1 on: the second start is faster
const main = path.join(__dirname, '..', 'dist', 'cli', 'main.js');
if (existsSync(main)) {
  require(main).main(process.argv.slice(2));
} else {
  console.error(
    'emotion2vec: this checkout is not compiled. Run `npm run compile` (npm ci does it unless scripts are off).',
  );
  process.exitCode = 1;
}
