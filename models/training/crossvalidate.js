#!/usr/bin/env node
/*
 * The table of the model card: each fold's network (train.py) on the speakers that it has not heard, with `emotion2vec evaluate`,
 * and the answers of all folds together.
 *
 *   npm run setup && models/training/crossvalidate.js --cremad DIR --emodb DIR [--work build/training] [--out models/evaluation] [cremad] [emodb]
 *
 * Robustness is measured on every eleventh clip of CREMA-D and every clip of EMO-DB; its numbers are means over the folds.
 */
'use strict';
const { execFileSync } = require('node:child_process');
const { existsSync, mkdirSync, readFileSync, writeFileSync } = require('node:fs');
const path = require('node:path');
const { parseArgs } = require('node:util');

const root = path.join(__dirname, '../..');
const { evaluate } = require('../../dist/evaluation/evaluation.js');
const { labelRows, readLabelFile, Words } = require('../../dist/evaluation/labels.js');
const { confusionPicture, reliabilityPicture, robustnessPicture } = require('../../dist/evaluation/pictures.js');
const { report } = require('../../dist/evaluation/report.js');
const { readCard } = require('../../dist/model/card-file.js');

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    cremad: { type: 'string' },
    emodb: { type: 'string' },
    work: { type: 'string', default: path.join(root, 'build/training') },
    out: { type: 'string', default: path.join(root, 'models/evaluation') },
  },
});
const { folds } = JSON.parse(readFileSync(path.join(__dirname, 'splits.json'), 'utf8'));
const GROUPS = ['speaker', 'sex', 'age', 'level'];
const CORPORA = {
  cremad: {
    title: 'CREMA-D',
    labels: path.join(flags.cremad, 'labels.csv'),
    audio: path.join(flags.cremad, 'audio'),
    each: 11,
  },
  emodb: { title: 'EMO-DB', labels: path.join(__dirname, 'emodb.csv'), audio: flags.emodb, each: 1 },
};

/** What `emotion2vec evaluate` wrote; a run that is there already is not repeated. */
function evaluation(fold, corpus, name, rows, more) {
  const { audio } = CORPORA[corpus];
  const output = path.join(flags.work, 'evaluation', `fold-${fold}-${corpus}-${name}`);
  const json = path.join(output, 'evaluation.json');
  if (!existsSync(json)) {
    mkdirSync(output, { recursive: true });
    const labels = path.join(output, 'labels.csv');
    const columns = Object.keys(rows[0]);
    writeFileSync(labels, [columns, ...rows.map((row) => columns.map((column) => row[column]))].join('\n'));
    const archive = path.join(flags.work, 'archives', `fold-${fold}.pt`);
    const args = ['evaluate', archive, '--labels', labels, '--audio', audio, '--output', output, ...more];
    execFileSync(process.execPath, [path.join(root, 'bin/emotion2vec.js'), ...args], {
      stdio: ['ignore', 'ignore', 'inherit'],
    });
  }
  return JSON.parse(readFileSync(json, 'utf8'));
}

/** Means over the folds, weighted by their clips. */
function pooled(parts) {
  const mean = (all) => {
    const clips = all.reduce((sum, each) => sum + each.clips, 0);
    const of = (key) => all.reduce((sum, each) => sum + each[key] * each.clips, 0) / clips;
    return { clips, accuracy: of('accuracy'), uar: of('uar'), confidence: of('confidence') };
  };
  return {
    unchanged: mean(parts.map(({ unchanged }) => unchanged)),
    changes: parts[0].changes.map((change, i) => ({ ...change, ...mean(parts.map(({ changes }) => changes[i])) })),
    failures: parts.flatMap(({ failures }) => failures),
  };
}

async function crossvalidate(corpus) {
  const { title, labels, each } = CORPORA[corpus];
  const table = await readLabelFile(labels);
  const { rows } = table;
  const words = new Words(await readCard(path.join(flags.work, 'archives/fold-0.pt')), []);
  const labelled = new Map(labelRows(table, words).rows.map(({ name, columns, votes }) => [name, { columns, votes }]));
  const heard = [];
  const robustness = [];
  let model;
  folds.forEach((fold, i) => {
    const theirs = rows.filter(({ speaker }) => fold[corpus].includes(speaker));
    const clean = evaluation(i, corpus, 'clean', theirs, []);
    for (const result of clean.results) heard.push({ ...result, ...labelled.get(path.parse(result.file).name) });
    const some = theirs.filter((_, j) => j % each === 0);
    const changed = evaluation(i, corpus, 'changed', some, ['--robustness']);
    robustness.push(changed.robustness);
    model = { ...clean.model, name: `${title}, five networks of small-en-de` };
  });
  const columns = GROUPS.filter((column) => column in rows[0]);
  const found = evaluate(heard, words.labels, columns);
  const changes = pooled(robustness);
  mkdirSync(flags.out, { recursive: true });
  const write = (name, content) => writeFileSync(path.join(flags.out, `${corpus}-${name}`), content);
  write('confusion.svg', confusionPicture(title, found));
  write('reliability.svg', reliabilityPicture(title, found));
  write('robustness.svg', robustnessPicture(title, changes));
  const text = report(model, found, changes);
  write('report.txt', text);
  write(
    'evaluation.json',
    `${JSON.stringify({ ...found, robustness: { ...changes, failures: changes.failures.length } }, null, 1)}\n`,
  );
  console.log(text);
}

(async () => {
  for (const corpus of positionals.length > 0 ? positionals : Object.keys(CORPORA)) await crossvalidate(corpus);
})();
