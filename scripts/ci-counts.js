'use strict';
/**
 * usage: node scripts/ci-counts.js FOLDER
 * Prints each test that failed and, as the last line, the sums of all counts in the folder: `N passed, N failed, N skipped`.
 * Exits with 1 where a test failed or a run had no tests.
 */
const { readdirSync, readFileSync } = require('node:fs');
const path = require('node:path');

const folder = process.argv[2];
const files = readdirSync(folder).filter((name) => name.endsWith('.json'));
const all = files.map((name) => JSON.parse(readFileSync(path.join(folder, name), 'utf8')));
const sum = (key) => all.reduce((total, counts) => total + counts[key], 0);
for (const failure of all.flatMap(({ failed }) => failed)) console.log(`FAILED ${failure}\n`);
console.log(`${sum('passes')} passed, ${sum('failures')} failed, ${sum('pending')} skipped`);
const empty = all.length === 0 || all.some(({ passes, pending }) => passes + pending === 0);
process.exitCode = sum('failures') > 0 || empty ? 1 : 0;
