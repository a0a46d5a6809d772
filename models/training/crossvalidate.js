#!/usr/bin/env node
/*
 * Makes the tables and figures of the model card by speaker-independent cross-validation. The network of each fold (train.py) is
 * evaluated with `emotion2vec evaluate` on speakers that it was not trained on, and the predictions of all folds are pooled.
 *
 *   npm run setup && models/training/crossvalidate.js --cremad DIR --emodb DIR [--work build/training] [--out models/evaluation] [cremad] [emodb]
 *
 * Robustness is measured on every eleventh clip of CREMA-D and on every clip of EMO-DB. Its numbers are means over the folds,
 * weighted by their clips.
 */
'use strict';
const { execFileSync } = require('node:child_process');
const { existsSync, mkdirSync, readFileSync, writeFileSync } = require('node:fs');
const path = require('node:path');
const { parseArgs } = require('node:util');

const root = path.join(__dirname, '../..');
const { evaluate } = require('../../dist/evaluation/evaluation.js');
const { confusionFigure, reliabilityFigure, robustnessFigure } = require('../../dist/evaluation/figures.js');
const { LabelVocabulary } = require('../../dist/evaluation/label-vocabulary.js');
const { labelRows, readLabelFile } = require('../../dist/evaluation/labels.js');
const { report } = require('../../dist/evaluation/report.js');
const { openEmotionArchive } = require('../../dist/model/emotion-archive.js');

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
/** `stride`: robustness is measured on every clip whose index is a multiple of it. */
const CORPORA = {
  cremad: {
    title: 'CREMA-D',
    labels: path.join(flags.cremad, 'labels.csv'),
    audio: path.join(flags.cremad, 'audio'),
    stride: 11,
  },
  emodb: { title: 'EMO-DB', labels: path.join(__dirname, 'emodb.csv'), audio: flags.emodb, stride: 1 },
};

/** Returns the evaluation.json of a fold. An evaluation that exists is not repeated. */
function evaluateFold(fold, corpus, name, rows, options) {
  const { audio } = CORPORA[corpus];
  const output = path.join(flags.work, 'evaluation', `fold-${fold}-${corpus}-${name}`);
  const json = path.join(output, 'evaluation.json');
  if (!existsSync(json)) {
    mkdirSync(output, { recursive: true });
    const labels = path.join(output, 'labels.csv');
    const columns = Object.keys(rows[0]);
    writeFileSync(labels, [columns, ...rows.map((row) => columns.map((column) => row[column]))].join('\n'));
    const archive = path.join(flags.work, 'archives', `fold-${fold}.pt`);
    const args = ['evaluate', archive, '--labels', labels, '--audio', audio, '--output', output, ...options];
    execFileSync(process.execPath, [path.join(root, 'bin/emotion2vec.js'), ...args], {
      stdio: ['ignore', 'ignore', 'inherit'],
    });
  }
  return JSON.parse(readFileSync(json, 'utf8'));
}

/** Returns the means over the folds, weighted by their clips. */
function pool(parts) {
  const mean = (scores) => {
    const clips = scores.reduce((sum, each) => sum + each.clips, 0);
    const of = (key) => scores.reduce((sum, each) => sum + each[key] * each.clips, 0) / clips;
    return { clips, accuracy: of('accuracy'), uar: of('uar'), confidence: of('confidence') };
  };
  return {
    clean: mean(parts.map(({ clean }) => clean)),
    perturbations: parts[0].perturbations.map((perturbation, i) => ({
      ...perturbation,
      ...mean(parts.map(({ perturbations }) => perturbations[i])),
    })),
    failures: parts.flatMap(({ failures }) => failures),
  };
}

async function crossvalidate(corpus) {
  const { title, labels, stride } = CORPORA[corpus];
  const table = await readLabelFile(labels);
  const { rows } = table;
  const { card } = await openEmotionArchive(path.join(flags.work, 'archives/fold-0.pt'));
  const vocabulary = new LabelVocabulary(card, []);
  const labeled = new Map(
    labelRows(table, vocabulary).rows.map(({ name, columns, votes }) => [name, { columns, votes }]),
  );
  const clips = [];
  const robustnessOfFolds = [];
  let model;
  folds.forEach((fold, i) => {
    const testRows = rows.filter(({ speaker }) => fold[corpus].includes(speaker));
    const clean = evaluateFold(i, corpus, 'clean', testRows, []);
    for (const result of clean.results) clips.push({ ...result, ...labeled.get(path.parse(result.file).name) });
    const subset = testRows.filter((_, j) => j % stride === 0);
    robustnessOfFolds.push(evaluateFold(i, corpus, 'perturbed', subset, ['--robustness']).robustness);
    model = { ...clean.model, name: 'small-en-de' };
  });
  const columns = GROUPS.filter((column) => column in rows[0]);
  const evaluation = evaluate(clips, vocabulary.labels, columns);
  const robustness = pool(robustnessOfFolds);
  mkdirSync(flags.out, { recursive: true });
  const write = (name, content) => writeFileSync(path.join(flags.out, `${corpus}-${name}`), content);
  write('confusion.svg', confusionFigure(title, evaluation));
  write('reliability.svg', reliabilityFigure(title, evaluation));
  write('robustness.svg', robustnessFigure(title, robustness));
  const heading = `${title}, speaker-independent cross-validation with ${folds.length} folds`;
  const text = `${heading}\n${report(model, evaluation, robustness)}`;
  write('report.txt', text);
  const json = { ...evaluation, robustness: { ...robustness, failures: robustness.failures.length } };
  write('evaluation.json', `${JSON.stringify(json, null, 1)}\n`);
  console.log(text);
}

(async () => {
  for (const corpus of positionals.length > 0 ? positionals : Object.keys(CORPORA)) await crossvalidate(corpus);
})();
