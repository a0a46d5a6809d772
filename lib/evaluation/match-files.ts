import path from 'node:path';

import { groupBy } from './group-by.js';
import type { LabeledRow } from './labels.js';

export interface MatchedFiles {
  clips: { file: string; row: LabeledRow }[];
  /** Names of rows that match no file. */
  missing: string[];
  /** Names of rows that match several files. */
  ambiguous: string[];
  /** Names of rows that match the file of an earlier row. */
  repeated: string[];
  /** Files that no row matches. */
  unlabeled: string[];
}

/**
 * Finds the file of each row. A row names a path below the folder, with or without its extension, or only the name of a file
 * anywhere below it.
 * @param files relative to the folder
 * @param otherNames names of rows that are not evaluated, whose files are not unlabeled
 */
export function matchFiles(
  rows: readonly LabeledRow[],
  files: readonly string[],
  otherNames: readonly string[] = [],
): MatchedFiles {
  const find = createFinder(files);
  const matched: MatchedFiles = { clips: [], missing: [], ambiguous: [], repeated: [], unlabeled: [] };
  const labeled = new Set(otherNames.flatMap(find));
  const taken = new Set<string>();
  for (const row of rows) {
    const candidates = find(row.name);
    const [file] = candidates;
    for (const each of candidates) labeled.add(each);
    if (file === undefined) matched.missing.push(row.name);
    else if (candidates.length > 1) matched.ambiguous.push(row.name);
    else if (taken.has(file)) matched.repeated.push(row.name);
    else matched.clips.push({ file, row });
    if (file !== undefined && candidates.length === 1) taken.add(file);
  }
  matched.unlabeled = files.filter((file) => !labeled.has(file));
  return matched;
}

/** Tries the strictest reading of a name first, so that `a.wav` does not match `b/a.wav` when there is an `a.wav`. */
function createFinder(files: readonly string[]): (name: string) => readonly string[] {
  const readings = [(key: string) => key, withoutExtension, baseName, stem].map((read) =>
    groupBy(files, (file) => read(keyOf(file))),
  );
  return (name) => {
    const key = keyOf(name);
    return readings.find((byKey) => byKey.has(key))?.get(key) ?? [];
  };
}

/** macOS stores accented letters in decomposed form; spreadsheets do not. */
function keyOf(name: string): string {
  return path.posix.normalize(name.replaceAll('\\', '/')).normalize('NFC');
}

function baseName(key: string): string {
  return path.posix.basename(key);
}

function withoutExtension(key: string): string {
  return key.slice(0, key.length - path.posix.extname(key).length);
}

function stem(key: string): string {
  return withoutExtension(baseName(key));
}
