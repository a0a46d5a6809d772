import path from 'node:path';

import { groupBy } from './group-by.js';
import type { LabelledRow } from './labels.js';

export interface Matched {
  clips: { file: string; row: LabelledRow }[];
  /** Names of rows that no file has. */
  missing: string[];
  /** Names of rows that several files have. */
  ambiguous: string[];
  /** Names of rows whose file an earlier row has. */
  repeated: string[];
  /** Files that no row names. */
  unlabelled: string[];
}

/**
 * Which file each row means: a path below the folder, with or without its ending, or a bare name of a file anywhere below it.
 * @param files relative to the folder
 * @param others names of rows that are not evaluated
 */
export function matchFiles(
  rows: readonly LabelledRow[],
  files: readonly string[],
  others: readonly string[] = [],
): Matched {
  const find = finderOf(files);
  const matched: Matched = { clips: [], missing: [], ambiguous: [], repeated: [], unlabelled: [] };
  const named = new Set(others.flatMap(find));
  const taken = new Set<string>();
  for (const row of rows) {
    const found = find(row.name);
    const [file] = found;
    for (const each of found) named.add(each);
    if (file === undefined) matched.missing.push(row.name);
    else if (found.length > 1) matched.ambiguous.push(row.name);
    else if (taken.has(file)) matched.repeated.push(row.name);
    else matched.clips.push({ file, row });
    taken.add(found.length === 1 ? file! : '');
  }
  matched.unlabelled = files.filter((file) => !named.has(file));
  return matched;
}

/** The closest reading of a name that any file fits decides, so that `a.wav` is not mistaken for `b/a.wav`. */
function finderOf(files: readonly string[]): (name: string) => readonly string[] {
  const readings = [(key: string) => key, withoutEnding, baseOf, stemOf].map((read) =>
    groupBy(files, (file) => read(keyOf(file))),
  );
  return (name) => {
    const key = keyOf(name);
    return readings.find((found) => found.has(key))?.get(key) ?? [];
  };
}

/** macOS takes names apart into letters and accents; spreadsheets do not. */
function keyOf(name: string): string {
  return path.posix.normalize(name.replaceAll('\\', '/')).normalize('NFC');
}

function baseOf(key: string): string {
  return path.posix.basename(key);
}

function withoutEnding(key: string): string {
  return key.slice(0, key.length - path.posix.extname(key).length);
}

function stemOf(key: string): string {
  return withoutEnding(baseOf(key));
}
