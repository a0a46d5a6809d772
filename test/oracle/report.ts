/**
 * Measures a build of the library:
 * `node build/test/test/oracle/report.js [--dist DIST] [--files FOLDER] [--only REGEXP] [--table MARKDOWN]`.
 * Prints the worst results first. With --table, it rewrites the table of formats in that file instead.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';

import { root } from '../support/paths.js';
import { cases } from './cases/index.js';
import { type Decode, measure, type Row, type Verdict } from './measure.js';
import { tableOf, withTable } from './table.js';

const ORDER: readonly Verdict[] = ['wrong', 'failed', 'refused', 'not made', 'equal'];

interface Library {
  decodeAudio: (
    file: string,
    options: Parameters<Decode>[1],
  ) => Promise<{ pcm: Awaited<ReturnType<Decode>>; lease: { release: () => void } }>;
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      dist: { type: 'string', default: path.join(root, 'dist') },
      files: { type: 'string', default: path.join(root, 'build/oracle') },
      only: { type: 'string', default: '' },
      table: { type: 'string' },
    },
  });
  mkdirSync(values.files, { recursive: true });
  const { decodeAudio } = (await import(path.resolve(values.dist, 'audio/decode.js'))) as Library;
  const only = new RegExp(values.only);
  const selected = cases.filter(({ file, format }) => only.test(file) || only.test(format));
  const rows = await measure(selected, path.resolve(values.files), async (file, options) => {
    const { pcm, lease } = await decodeAudio(file, options);
    lease.release();
    return pcm;
  });
  if (values.table !== undefined) {
    writeFileSync(values.table, withTable(readFileSync(values.table, 'utf8'), tableOf(rows)));
    return;
  }
  const count = (verdict: Verdict) => rows.filter((row) => row.verdict === verdict).length;
  console.log(`${rows.length} files: ${ORDER.map((verdict) => `${count(verdict)} ${verdict}`).join(', ')}\n`);
  for (const verdict of ORDER) for (const row of rows.filter((one) => one.verdict === verdict)) console.log(line(row));
}

function line({ case: one, verdict, by, why, correlation, level, length, lag }: Row): string {
  const numbers =
    correlation === undefined
      ? ''
      : `r ${correlation.toFixed(4)}  ${level!.toFixed(2)} dB  length ${length}  lag ${lag}`;
  return [verdict.padEnd(9), (by ?? '').padEnd(8), one.file.padEnd(44), one.format.padEnd(28), numbers, why].join(' ');
}

void main();
