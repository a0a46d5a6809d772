import { parse } from 'csv-parse/sync';
import { readFile } from 'node:fs/promises';

import { EmotionError, messageOf } from '../shared/errors.js';
import { inUse, type ModelCard } from '../model/card.js';
import { shown } from '../shared/text.js';

const CLIP = ['file', 'path', 'filename', 'clip', 'name'];
const EMOTION = ['emotion', 'label', 'acted'];
const VOTES = 'votes_';
/** Unknown values that an error lists: where there are more, the column is another one than was meant. */
const LISTED = 40;

/** Words for the same emotion; which of them the model has is for its card to say. */
const SYNONYMS = [
  ['angry', 'anger'],
  ['disgusted', 'disgust'],
  ['fearful', 'fear'],
  ['happy', 'happiness', 'joy'],
  ['neutral', 'neutrality'],
  ['sad', 'sadness'],
  ['surprised', 'surprise'],
];

/** What the user says of values that the model does not know: another name for them, or '' to leave their clips out. */
export type Mapping = readonly (readonly [from: string, to: string])[];

export interface LabelFile {
  path: string;
  /** In lower case. */
  columns: string[];
  clipColumn: string;
  emotionColumn: string;
  rows: Record<string, string>[];
}

/** A row that has a clip's name and its emotion, in the model's words. */
export interface LabelledRow {
  name: string;
  truth: string;
  columns: Record<string, string>;
  /** How many listeners heard what, where the file tells. */
  votes: Record<string, number> | undefined;
}

export interface Labelled {
  rows: LabelledRow[];
  /** Names of clips without an emotion. */
  empty: string[];
  /** Names of clips that the mapping leaves out. */
  leftOut: string[];
}

/**
 * Reads a CSV file with a column of the clip and one of its emotion.
 * @throws EmotionError ERR_FILE_NOT_FOUND, ERR_FILE_READ, ERR_LABELS
 */
export async function readLabelFile(path: string): Promise<LabelFile> {
  const rows = parseRows(await readText(path), path);
  const columns = rows[0] ?? [];
  const [clipColumn, emotionColumn] = [CLIP, EMOTION].map((names) => names.find((name) => columns.includes(name)));
  if (clipColumn === undefined || emotionColumn === undefined) {
    const lacking = clipColumn === undefined ? `the clip (${CLIP.join(', ')})` : `the emotion (${EMOTION.join(', ')})`;
    throw new EmotionError(
      'ERR_LABELS',
      `${shown(path)} has no column of ${lacking}; it has: ${shown(columns.join(', '))}`,
    );
  }
  const records = rows
    .slice(1)
    .map((cells) => Object.fromEntries(columns.map((column, i) => [column, cells[i] ?? ''])));
  if (records.length === 0) throw new EmotionError('ERR_LABELS', `${shown(path)} has no row below its header`);
  return { path, columns, clipColumn, emotionColumn, rows: records };
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT')
      throw new EmotionError('ERR_FILE_NOT_FOUND', `There is no file ${shown(path)}`, { cause });
    throw new EmotionError('ERR_FILE_READ', `${shown(path)} cannot be read: ${messageOf(cause)}`, { cause });
  }
}

function parseRows(text: string, path: string): string[][] {
  let rows: string[][];
  try {
    rows = parse(text, {
      bom: true,
      trim: true,
      delimiter: delimiterOf(text),
      skip_empty_lines: true,
      skip_records_with_empty_values: true,
    });
  } catch (cause) {
    throw new EmotionError('ERR_LABELS', `${shown(path)} is not CSV: ${shown(messageOf(cause))}`, { cause });
  }
  return rows.map((cells, i) => (i === 0 ? cells.map((name) => name.toLowerCase()) : cells));
}

/** Spreadsheets write semicolons where the comma is for decimals. */
function delimiterOf(text: string): string {
  const header = text.trimStart().split(/[\r\n]/, 1)[0]!;
  return [',', ';', '\t'].find((delimiter) => header.includes(delimiter)) ?? ',';
}

/**
 * The rows with their emotions in the model's words.
 * @throws EmotionError ERR_LABELS that names all values that are none of them
 * @throws TypeError where a mapping leads to no label
 */
export function labelRows({ path, columns, clipColumn, emotionColumn, rows }: LabelFile, words: Words): Labelled {
  const voted = columns.filter((column) => column.startsWith(VOTES));
  const unknown = new Map<string, number>();
  const labelled: Labelled = { rows: [], empty: [], leftOut: [] };
  for (const row of rows) {
    const value = row[emotionColumn]!;
    const name = row[clipColumn]!;
    const truth = words.labelOf(value);
    if (value === '') labelled.empty.push(name);
    else if (truth === undefined) unknown.set(value, (unknown.get(value) ?? 0) + 1);
    else if (truth === '') labelled.leftOut.push(name);
    else labelled.rows.push({ name, truth, columns: row, votes: votesOf(row, voted, words) });
  }
  const lost = voted.filter((column) => words.labelOf(column.slice(VOTES.length)) === undefined);
  const complaints = [
    ...[...unknown].slice(0, LISTED).map(([value, clips]) => `"${value}" (${clips} clip${clips === 1 ? '' : 's'})`),
    ...(unknown.size > LISTED ? [`${unknown.size - LISTED} more`] : []),
    ...lost.map((column) => `the column ${column}`),
  ];
  if (complaints.length === 0) return labelled;
  const from = unknown.keys().next().value ?? lost[0]!.slice(VOTES.length);
  throw new EmotionError(
    'ERR_LABELS',
    `${shown(path)} has emotions that the model does not know: ${shown(complaints.join(', '))}. The model's labels: ${shown(words.labels.join(', '))}`,
    {
      remedy: `Say what they are with --map "${shown(from, 60)}=LABEL", or leave them out with --map "${shown(from, 60)}=".`,
    },
  );
}

function votesOf(row: Record<string, string>, columns: readonly string[], words: Words): LabelledRow['votes'] {
  const votes: Record<string, number> = {};
  for (const column of columns) {
    const label = words.labelOf(column.slice(VOTES.length));
    const count = Number(row[column]);
    if (label && count > 0) votes[label] = (votes[label] ?? 0) + count;
  }
  return Object.keys(votes).length > 0 ? votes : undefined;
}

/** Which of a model's labels a word means. */
export class Words {
  readonly labels: string[];
  readonly unused: string[];
  readonly #labels = new Map<string, string>();

  /** @throws TypeError where a mapping leads to no label */
  constructor({ labels }: ModelCard, mapping: Mapping) {
    this.labels = labels.map(({ name }) => name);
    this.unused = labels.filter((label) => !inUse(label)).map(({ name }) => name);
    for (const { name, en, zh } of labels) for (const word of [name, en, zh]) this.#add(word, name);
    for (const synonyms of SYNONYMS) {
      const label = synonyms.map((word) => this.#labels.get(word)).find((found) => found !== undefined);
      if (label !== undefined) for (const word of synonyms) this.#add(word, label);
    }
    const meant = mapping.map(([from, to]) => [from, to === '' ? '' : this.labelOf(to)] as const);
    mapping.forEach(([from, to], i) => {
      if (meant[i]![1] === undefined)
        throw new TypeError(
          `--map ${shown(from, 60)}=${shown(to, 60)}: the model has no such label; it has: ${this.labels.join(', ')}`,
        );
    });
    for (const [from, label] of meant) this.#labels.set(keyOf(from), label!);
  }

  /** '' for what the mapping leaves out, `undefined` for what is no label. */
  labelOf(word: string): string | undefined {
    return this.#labels.get(keyOf(word));
  }

  /** The first label that has a word keeps it. */
  #add(word: string, label: string): void {
    if (!this.#labels.has(keyOf(word))) this.#labels.set(keyOf(word), label);
  }
}

function keyOf(word: string): string {
  return word.trim().normalize('NFC').toLowerCase();
}
