import { parse } from 'csv-parse/sync';
import { readFile } from 'node:fs/promises';

import { formatCount } from '../output/text.js';
import { EmotionError, messageOf } from '../shared/errors.js';
import { fileError } from '../shared/file-error.js';
import { shown } from '../shared/text.js';
import type { LabelVocabulary } from './label-vocabulary.js';

/** Names of the columns, in the order of precedence. */
const CLIP_COLUMNS = ['file', 'path', 'filename', 'clip', 'name'];
const EMOTION_COLUMNS = ['emotion', 'label', 'acted'];
const VOTES_PREFIX = 'votes_';
/** Maximum number of unknown values that an error lists. If there are more, the column is probably not the intended one. */
const MAX_LISTED = 40;

export interface LabelFile {
  path: string;
  /** In lower case. */
  columns: string[];
  clipColumn: string;
  emotionColumn: string;
  rows: Record<string, string>[];
}

/** A row with the name of a clip and its emotion as a label of the model. */
export interface LabeledRow {
  name: string;
  truth: string;
  columns: Record<string, string>;
  /** Number of annotators that chose each label, if the file contains votes. */
  votes: Record<string, number> | undefined;
}

export interface LabeledRows {
  rows: LabeledRow[];
  /** Names of clips without an emotion. */
  withoutEmotion: string[];
  /** Names of clips that the mapping excludes. */
  excludedByMap: string[];
}

/**
 * Reads a CSV file with a column for the clip and a column for its emotion.
 * @throws EmotionError ERR_FILE_NOT_FOUND, ERR_FILE_READ, ERR_LABELS
 */
export async function readLabelFile(path: string): Promise<LabelFile> {
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw fileError(cause, shown(path));
  });
  const rows = parseRows(text, path);
  const columns = rows[0] ?? [];
  const find = (names: readonly string[]) => names.find((name) => columns.includes(name));
  const [clipColumn, emotionColumn] = [find(CLIP_COLUMNS), find(EMOTION_COLUMNS)];
  if (clipColumn === undefined || emotionColumn === undefined) {
    const meaning = clipColumn === undefined ? 'clip' : 'emotion';
    const names = clipColumn === undefined ? CLIP_COLUMNS : EMOTION_COLUMNS;
    throw new EmotionError(
      'ERR_LABELS',
      `${shown(path)} has no column for the ${meaning} (${names.join(', ')}). Its columns: ${shown(columns.join(', '))}`,
    );
  }
  const records = rows
    .slice(1)
    .map((cells) => Object.fromEntries(columns.map((column, i) => [column, cells[i] ?? ''])));
  if (records.length === 0) throw new EmotionError('ERR_LABELS', `${shown(path)} has no rows below its header`);
  return { path, columns, clipColumn, emotionColumn, rows: records };
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
    throw new EmotionError('ERR_LABELS', `${shown(path)} is not valid CSV: ${shown(messageOf(cause))}`, { cause });
  }
  return rows.map((cells, i) => (i === 0 ? cells.map((name) => name.toLowerCase()) : cells));
}

/** Spreadsheets write semicolons in locales with a decimal comma. */
function delimiterOf(text: string): string {
  const header = text.trimStart().split(/[\r\n]/, 1)[0]!;
  return [',', ';', '\t'].find((delimiter) => header.includes(delimiter)) ?? ',';
}

/**
 * Translates the emotions of all rows to labels of the model.
 * @throws EmotionError ERR_LABELS, which lists all values that the model does not know
 */
export function labelRows(
  { path, columns, clipColumn, emotionColumn, rows }: LabelFile,
  vocabulary: LabelVocabulary,
): LabeledRows {
  const voteColumns = columns.filter((column) => column.startsWith(VOTES_PREFIX));
  const unknown = new Map<string, number>();
  const labeled: LabeledRows = { rows: [], withoutEmotion: [], excludedByMap: [] };
  for (const row of rows) {
    const value = row[emotionColumn]!;
    const name = row[clipColumn]!;
    const truth = vocabulary.labelOf(value);
    if (value === '') labeled.withoutEmotion.push(name);
    else if (truth === undefined) unknown.set(value, (unknown.get(value) ?? 0) + 1);
    else if (truth === '') labeled.excludedByMap.push(name);
    else labeled.rows.push({ name, truth, columns: row, votes: votesOf(row, voteColumns, vocabulary) });
  }
  const unknownColumns = voteColumns.filter((column) => vocabulary.labelOf(emotionOf(column)) === undefined);
  if (unknown.size === 0 && unknownColumns.length === 0) return labeled;
  const listed = [
    ...[...unknown].slice(0, MAX_LISTED).map(([value, clips]) => `"${value}" (${formatCount(clips, 'clip')})`),
    ...(unknown.size > MAX_LISTED ? [`${unknown.size - MAX_LISTED} more`] : []),
    ...unknownColumns.map((column) => `the column ${column}`),
  ];
  const example = shown(unknown.keys().next().value ?? emotionOf(unknownColumns[0]!), 60);
  throw new EmotionError(
    'ERR_LABELS',
    `${shown(path)} contains emotions that the model does not know: ${shown(listed.join(', '))}. The labels of the model: ${shown(vocabulary.labels.join(', '))}`,
    { remedy: `Map each one to a label with --map "${example}=LABEL", or exclude its clips with --map "${example}=".` },
  );
}

function votesOf(
  row: Record<string, string>,
  voteColumns: readonly string[],
  vocabulary: LabelVocabulary,
): LabeledRow['votes'] {
  const votes: Record<string, number> = {};
  for (const column of voteColumns) {
    const label = vocabulary.labelOf(emotionOf(column));
    const count = Number(row[column]);
    if (label && count > 0) votes[label] = (votes[label] ?? 0) + count;
  }
  return Object.keys(votes).length > 0 ? votes : undefined;
}

function emotionOf(voteColumn: string): string {
  return voteColumn.slice(VOTES_PREFIX.length);
}
