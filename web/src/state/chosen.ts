/** Recordings that wait to be recognised. */
import { signal } from '@preact/signals';

import { failure } from './failure.js';

export interface Chosen {
  key: number;
  file: File;
  /** As it is shown and sent. */
  name: string;
}

export const chosen = signal<Chosen[]>([]);

let keys = 0;

export function choose(files: Iterable<File>): void {
  failure.value = undefined;
  const added = Array.from(files, (file) => ({ key: keys++, file, name: plainName(file.name) }));
  if (added.length > 0) chosen.value = [...chosen.value, ...added];
}

export function unchoose(gone: readonly number[]): void {
  const keys = new Set(gone);
  chosen.value = chosen.value.filter(({ key }) => !keys.has(key));
}

/** A form escapes quotes and line ends in names, for good; and marks that turn text around would hide an ending. */
function plainName(name: string): string {
  return name
    .replaceAll('"', '”')
    .replace(/[\r\n]+/g, ' ')
    .replace(/\p{Cf}/gu, '');
}
