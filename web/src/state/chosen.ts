/** The selected recordings. */
import { signal } from '@preact/signals';

import { failure } from './failure.js';

export interface Chosen {
  key: number;
  file: File;
  /** The name that is shown and sent. */
  name: string;
}

export const chosen = signal<Chosen[]>([]);

let keys = 0;

export function choose(files: Iterable<File>): void {
  failure.value = undefined;
  const added = Array.from(files, (file) => ({ key: keys++, file, name: plainName(file.name) }));
  if (added.length > 0) chosen.value = [...chosen.value, ...added];
}

export function unchoose(removed: readonly number[]): void {
  const keys = new Set(removed);
  chosen.value = chosen.value.filter(({ key }) => !keys.has(key));
}

/**
 * Replaces quotes and line breaks, which a form would escape irreversibly, and removes marks that could reverse the text of an
 * extension.
 */
function plainName(name: string): string {
  return name
    .replaceAll('"', '”')
    .replace(/[\r\n]+/g, ' ')
    .replace(/\p{Cf}/gu, '');
}
