import { signal } from '@preact/signals';

import { deleteResult, getResults } from '../api/client.js';
import type { ResultSummary } from '../api/types.js';

export const results = signal<ResultSummary[]>([]);
/** Where the next older ones begin; undefined at the end. */
export const older = signal<string | undefined>(undefined);

export async function refreshHistory(): Promise<void> {
  try {
    const page = await getResults();
    results.value = page.results;
    older.value = page.next ?? undefined;
  } catch {
    // The status tells whether the server is there.
  }
}

export async function readOlder(): Promise<void> {
  if (older.value === undefined) return;
  const page = await getResults(older.value);
  results.value = [...results.value, ...page.results];
  older.value = page.next ?? undefined;
}

export async function forget(id: string): Promise<void> {
  await deleteResult(id);
  results.value = results.value.filter((result) => result.id !== id);
}
