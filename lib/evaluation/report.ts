/** An evaluation as text of 80 columns. */
import { largest } from '../shared/largest.js';
import { count, inColumns, short } from '../output/text.js';
import { KINDS } from './changes.js';
import type { Evaluation, Summary } from './evaluation.js';
import type { GroupTable } from './groups.js';
import type { Listeners } from './listeners.js';
import { quantile } from './metrics.js';
import type { Robustness } from './robustness.js';

const WIDTH = 80;
/** Of a name that comes from elsewhere. */
const NAME = 24;
/** Values of a column beyond which their spread is told and not each. */
const LISTED = 12;
/** Of the worst and the best of many. */
const NAMED = 3;

export interface Heading {
  name: string;
  version: string;
  precision: string;
  device: string;
}

export function report(model: Heading, evaluation: Evaluation, robustness: Robustness | undefined): string {
  const { listeners, groups } = evaluation;
  const parts = [
    [`${model.name} ${model.version}, ${model.precision} on ${model.device}: ${sizeOf(evaluation)}`],
    summary(evaluation),
    classTable(evaluation),
    confusionTable(evaluation),
    calibrationTable(evaluation),
    ...(listeners === undefined ? [] : [listenerTable(listeners)]),
    ...groups.map(groupTable),
    ...(robustness === undefined ? [] : [robustnessTable(robustness)]),
  ];
  return `${parts.map((lines) => lines.join('\n')).join('\n\n')}\n`;
}

function sizeOf({ clips, speakers }: Evaluation): string {
  return `${count(clips, 'clip')}${speakers === undefined ? '' : ` of ${count(speakers, 'speaker')}`}`;
}

function summary({ overall, amongClasses, classes, confusion, bootstrap, speakers }: Evaluation): string[] {
  const narrower = classes.length < confusion.labels.length;
  const columns: [string, Summary][] = [
    ['any label may win', overall],
    ...(narrower ? [[`only the ${classes.length} of the data`, amongClasses] as [string, Summary]] : []),
  ];
  const rows = (['accuracy', 'uar', 'macroF1'] as const).map((key) => [
    { accuracy: 'accuracy', uar: 'UAR', macroF1: 'macro-F1' }[key],
    ...columns.map(([, { [key]: estimate }]) => {
      const { value, low, high } = estimate;
      return `${fixed(value)} (${fixed(low)}-${fixed(high)})`;
    }),
  ]);
  const few = bootstrap.units === 'speakers' && speakers! < 10 ? ', too few to rely on them' : '';
  return [
    ...inColumns([['', ...columns.map(([head]) => head)], ...rows]),
    '',
    `in brackets: 95 % intervals, bootstrap over ${bootstrap.units}${few}`,
    `UAR: the mean of the ${classes.length} classes' recall; by chance ${fixed(1 / classes.length)}`,
  ];
}

function classTable({ perClass }: Evaluation): string[] {
  return inColumns([
    ['class', 'clips', 'precision', 'recall', 'F1'],
    ...Object.entries(perClass).map(([label, { clips, precision, recall, f1 }]) => [
      short(label, NAME),
      `${clips}`,
      fixed(precision),
      fixed(recall),
      fixed(f1),
    ]),
  ]);
}

/** Columns are the labels that are in the data or were answered, in several tables where one would be too wide. */
function confusionTable({ confusion: { labels, counts }, classes }: Evaluation): string[] {
  const shown = labels.flatMap((label, i) =>
    classes.includes(label) || counts.some((row) => row[i]! > 0) ? [{ head: short(label, 9), i }] : [],
  );
  const corner = 'label \\ answer';
  const room = Math.floor(
    (WIDTH -
      largest(
        classes.map((label) => short(label, NAME).length),
        corner.length,
      )) /
      11,
  );
  const tables: string[][] = [];
  for (let first = 0; first < shown.length; first += room) {
    const columns = shown.slice(first, first + room);
    const rows = classes.map((label) => {
      const row = counts[labels.indexOf(label)]!;
      const clips = row.reduce((all, value) => all + value, 0);
      return [short(label, NAME), ...columns.map(({ i }) => ((100 * row[i]!) / clips).toFixed(0))];
    });
    tables.push(['', ...inColumns([[corner, ...columns.map(({ head }) => head)], ...rows])]);
  }
  return ['confusion, in per cent of the row', ...tables.flat()];
}

function calibrationTable({ calibration }: Evaluation): string[] {
  const { ece, confidence, accuracy, nll, brier, bins } = calibration;
  return [
    `calibration: ECE ${fixed(ece)}, NLL ${fixed(nll)}, Brier ${fixed(brier)}`,
    `confidence ${fixed(confidence)} in the mean, beside an accuracy of ${fixed(accuracy)}`,
    '',
    ...inColumns([
      ['confidence', 'clips', 'its mean', 'accuracy'],
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

function listenerTable({ clips, ties, vote, plurality, model, agreement }: Listeners): string[] {
  return [
    `listeners, on the ${count(clips, 'clip')} where most heard the same (a tie on ${ties})`,
    '',
    ...inColumns([
      ['beside the label', 'accuracy', 'UAR'],
      ['one listener', fixed(vote.accuracy), ''],
      ['most listeners', fixed(plurality.accuracy), fixed(plurality.uar)],
      ['the model', fixed(model.accuracy), fixed(model.uar)],
    ]),
    '',
    `the model says what most listeners heard on ${(100 * agreement).toFixed(1)} % of them`,
  ];
}

function groupTable({ column, values }: GroupTable): string[] {
  if (values.length > LISTED) return spread({ column, values });
  return inColumns([
    [short(column, NAME), 'clips', 'accuracy', 'UAR'],
    ...values.map(({ value, clips, accuracy, uar }) => [nameOf(value), `${clips}`, fixed(accuracy), fixed(uar)]),
  ]);
}

function spread({ column, values }: GroupTable): string[] {
  const of = (share: number): string[] => [
    fixed(quantile(values.map(({ accuracy }) => accuracy), share)), // prettier-ignore
    fixed(quantile(values.map(({ uar }) => uar), share)), // prettier-ignore
  ];
  const sorted = values.toSorted((a, b) => a.uar - b.uar);
  const names = (some: typeof values): string =>
    some.map(({ value, uar }) => `${short(nameOf(value), 14)} (${fixed(uar)})`).join(', ');
  return [
    ...inColumns([
      [`${short(column, NAME)}, ${values.length} of them`, 'accuracy', 'UAR'],
      ['  minimum', ...of(0)],
      ['  lower quartile', ...of(0.25)],
      ['  median', ...of(0.5)],
      ['  upper quartile', ...of(0.75)],
      ['  maximum', ...of(1)],
    ]),
    `  lowest UAR: ${names(sorted.slice(0, NAMED))}`,
    `  highest UAR: ${names(sorted.slice(-NAMED).reverse())}`,
  ];
}

function robustnessTable({ unchanged, changes }: Robustness): string[] {
  const row = (name: string, { uar, accuracy, confidence }: typeof unchanged, off: string): string[] => [
    name,
    fixed(uar),
    off,
    fixed(accuracy),
    fixed(confidence),
  ];
  return inColumns([
    ['the same clips changed', 'UAR', 'off by', 'accuracy', 'confidence'],
    row('as they are', unchanged, ''),
    ...changes.map((change) => {
      const off = change.uar - unchanged.uar;
      return row(`${KINDS[change.kind]}: ${change.name}`, change, `${off < 0 ? '-' : '+'}${fixed(Math.abs(off))}`);
    }),
  ]);
}

function nameOf(value: string): string {
  return value === '' ? '(none)' : short(value, NAME);
}

function fixed(value: number): string {
  return Number.isNaN(value) ? '-' : value.toFixed(3);
}
