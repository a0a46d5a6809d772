/** Formats an evaluation as text of at most 80 columns. */
import { formatCount, formatPercent, inColumns, truncate } from '../output/text.js';
import { largest } from '../shared/largest.js';
import type { Annotators } from './annotators.js';
import type { Evaluation, Summary } from './evaluation.js';
import type { GroupTable } from './groups.js';
import { quantile, sum } from './metrics.js';
import { PERTURBATION_KINDS } from './perturbations.js';
import type { Robustness, RobustnessScores } from './robustness.js';

const WIDTH = 80;
/** Maximum length of a name that is not ours, such as a label, a column or a value. */
const MAX_NAME = 24;
/** Maximum length of a label above a column of the confusion matrix, and the width of such a column with its gap. */
const MAX_HEAD = 9;
const CELL_WIDTH = MAX_HEAD + 2;
/** Maximum number of values in the table of a group. If there are more, the table shows quartiles. */
const MAX_VALUES = 12;
/** Number of lowest and highest values that are named below the quartiles. */
const EXTREMES = 3;
/** Number of speakers below which the bootstrap over speakers is unreliable. */
const FEW_SPEAKERS = 10;

export interface ModelHeading {
  name: string;
  version: string;
  precision: string;
  device: string;
}

export function report(model: ModelHeading, evaluation: Evaluation, robustness: Robustness | undefined): string {
  const { annotators, groups } = evaluation;
  const parts = [
    [`${model.name} ${model.version}, ${model.precision} on ${model.device}: ${sizeOf(evaluation)}`],
    summaryTable(evaluation),
    classTable(evaluation),
    confusionTable(evaluation),
    calibrationTable(evaluation),
    ...(annotators === undefined ? [] : [annotatorTable(annotators)]),
    ...groups.map(groupTable),
    ...(robustness === undefined ? [] : [robustnessTable(robustness)]),
  ];
  return `${parts.map((lines) => lines.join('\n')).join('\n\n')}\n`;
}

function sizeOf({ clips, speakers }: Evaluation): string {
  return `${formatCount(clips, 'clip')}${speakers === undefined ? '' : ` of ${formatCount(speakers, 'speaker')}`}`;
}

function summaryTable({ overall, amongClasses, classes, confusion, bootstrap, speakers }: Evaluation): string[] {
  const restricted = classes.length < confusion.labels.length;
  const columns: [string, Summary][] = [
    [`all ${confusion.labels.length} labels`, overall],
    ...(restricted ? [[`${formatCount(classes.length, 'label')} in the data`, amongClasses] as [string, Summary]] : []),
  ];
  const rows = (['accuracy', 'uar', 'macroF1'] as const).map((key) => [
    { accuracy: 'accuracy', uar: 'UAR', macroF1: 'macro-F1' }[key],
    ...columns.map(([, { [key]: estimate }]) => {
      const { value, low, high } = estimate;
      return `${fixed(value)} (${fixed(low)}-${fixed(high)})`;
    }),
  ]);
  const few = bootstrap.units === 'speakers' && speakers! < FEW_SPEAKERS;
  return [
    ...inColumns([['', ...columns.map(([head]) => head)], ...rows]),
    '',
    `95% confidence intervals in parentheses: bootstrap over ${bootstrap.units}`,
    ...(few ? [`The intervals are unreliable because there are fewer than ${FEW_SPEAKERS} speakers.`] : []),
    `UAR: unweighted average recall of ${formatCount(classes.length, 'class', 'classes')}, utterance level; chance ${fixed(1 / classes.length)}`,
  ];
}

function classTable({ perClass }: Evaluation): string[] {
  return inColumns([
    ['class', 'clips', 'precision', 'recall', 'F1'],
    ...Object.entries(perClass).map(([label, { clips, precision, recall, f1 }]) => [
      truncate(label, MAX_NAME),
      `${clips}`,
      fixed(precision),
      fixed(recall),
      fixed(f1),
    ]),
  ]);
}

/** The columns are the labels that occur in the data or were predicted. A table that is too wide is split. */
function confusionTable({ confusion: { labels, counts }, classes }: Evaluation): string[] {
  const corner = 'true label';
  const columns = labels.flatMap((label, i) =>
    classes.includes(label) || counts.some((row) => row[i]! > 0) ? [{ head: truncate(label, MAX_HEAD), i }] : [],
  );
  const firstWidth = largest(
    classes.map((label) => truncate(label, MAX_NAME).length),
    corner.length,
  );
  const columnsPerTable = Math.floor((WIDTH - firstWidth) / CELL_WIDTH);
  const tables: string[][] = [];
  for (let first = 0; first < columns.length; first += columnsPerTable) {
    const some = columns.slice(first, first + columnsPerTable);
    const rows = classes.map((label) => {
      const row = counts[labels.indexOf(label)]!;
      const clips = sum(row);
      return [truncate(label, MAX_NAME), ...some.map(({ i }) => ((100 * row[i]!) / clips).toFixed(0))];
    });
    tables.push(['', ...inColumns([[corner, ...some.map(({ head }) => head)], ...rows])]);
  }
  return ['confusion matrix: percentage of the clips of a true label, by predicted label', ...tables.flat()];
}

function calibrationTable({ calibration }: Evaluation): string[] {
  const { ece, confidence, accuracy, nll, brier, bins } = calibration;
  return [
    `calibration: ECE ${fixed(ece)}, NLL ${fixed(nll)}, Brier score ${fixed(brier)}`,
    `mean confidence ${fixed(confidence)}, accuracy ${fixed(accuracy)}`,
    '',
    ...inColumns([
      ['confidence', 'clips', 'mean', 'accuracy'],
      ...bins
        .filter(({ clips }) => clips > 0)
        .map((bin) => [
          `${bin.from.toFixed(2)}-${bin.to.toFixed(2)}`,
          `${bin.clips}`,
          fixed(bin.confidence),
          fixed(bin.accuracy),
        ]),
    ]),
  ];
}

function annotatorTable({ clips, ties, vote, plurality, model, agreement }: Annotators): string[] {
  return [
    `annotators: ${formatCount(clips, 'clip')} with a plurality vote (${formatCount(ties, 'tie')} excluded)`,
    '',
    ...inColumns([
      ['compared with the label', 'accuracy', 'UAR'],
      ['single vote', fixed(vote.accuracy), ''],
      ['plurality vote', fixed(plurality.accuracy), fixed(plurality.uar)],
      ['model', fixed(model.accuracy), fixed(model.uar)],
    ]),
    '',
    `The model agrees with the plurality vote on ${formatPercent(agreement)} of these clips.`,
  ];
}

function groupTable({ column, values }: GroupTable): string[] {
  if (values.length > MAX_VALUES) return quartileTable({ column, values });
  return inColumns([
    [truncate(column, MAX_NAME), 'clips', 'accuracy', 'UAR'],
    ...values.map(({ value, clips, accuracy, uar }) => [displayValue(value), `${clips}`, fixed(accuracy), fixed(uar)]),
  ]);
}

function quartileTable({ column, values }: GroupTable): string[] {
  const row = (name: string, probability: number): string[] => [
    name,
    ...(['accuracy', 'uar'] as const).map((key) =>
      fixed(
        quantile(
          values.map((each) => each[key]),
          probability,
        ),
      ),
    ),
  ];
  const sorted = values.toSorted((a, b) => a.uar - b.uar);
  const listed = (some: typeof values): string =>
    some.map(({ value, uar }) => `${truncate(displayValue(value), 14)} (${fixed(uar)})`).join(', ');
  return [
    ...inColumns([
      [`${truncate(column, MAX_NAME)}: ${values.length} values`, 'accuracy', 'UAR'],
      row('  minimum', 0),
      row('  lower quartile', 0.25),
      row('  median', 0.5),
      row('  upper quartile', 0.75),
      row('  maximum', 1),
    ]),
    `  lowest UAR: ${listed(sorted.slice(0, EXTREMES))}`,
    `  highest UAR: ${listed(sorted.slice(-EXTREMES).reverse())}`,
  ];
}

function robustnessTable({ clean, perturbations }: Robustness): string[] {
  const row = (name: string, { uar, accuracy, confidence }: RobustnessScores, difference: string): string[] => [
    name,
    fixed(uar),
    difference,
    fixed(accuracy),
    fixed(confidence),
  ];
  return inColumns([
    ['perturbation', 'UAR', 'change', 'accuracy', 'confidence'],
    row('none', clean, ''),
    ...perturbations.map((each) =>
      row(`${PERTURBATION_KINDS[each.kind]}: ${each.name}`, each, signed(each.uar - clean.uar)),
    ),
  ]);
}

function displayValue(value: string): string {
  return value === '' ? '(none)' : truncate(value, MAX_NAME);
}

/** Empty metrics are shown as a dash. */
function fixed(value: number): string {
  return Number.isNaN(value) ? '-' : value.toFixed(3);
}

function signed(value: number): string {
  return `${value < 0 ? '-' : '+'}${fixed(Math.abs(value))}`;
}
