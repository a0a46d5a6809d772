/** Results that the server keeps. */
import { effect, signal } from '@preact/signals';

import { ApiError, deleteResult, getResults } from '../api/client.js';
import type { ResultSummary } from '../api/types.js';
import { offline } from './status.js';

export const results = signal<ResultSummary[]>([]);
/** Where the next older ones begin; undefined at the end. */
export const older = signal<string | undefined>(undefined);

/** Reads the newest ones again; older ones that were read stay. */
export async function refreshHistory(): Promise<void> {
  try {
    const { results: newest, next } = await getResults();
    const last = newest.at(-1)?.id;
    const rest = next === null || last === undefined ? [] : results.value.filter(({ id }) => id < last);
    results.value = [...newest, ...rest];
    if (rest.length === 0) older.value = next ?? undefined;
  } catch {
    // The status tells whether the server is there.
  }
}

let reading: Promise<void> | undefined;

/** Reads on, once however often it is asked to. */
export function readOlder(): Promise<void> {
  return (reading ??= readPage().finally(() => (reading = undefined)));
}

async function readPage(): Promise<void> {
  if (older.value === undefined) return;
  const { results: page, next } = await getResults(older.value);
  const oldest = results.value.at(-1)?.id;
  results.value = [...results.value, ...page.filter(({ id }) => oldest === undefined || id < oldest)];
  older.value = next ?? undefined;
}

/** Deletes a result; one that another page has deleted already is as good. */
export async function forget(id: string): Promise<void> {
  try {
    await deleteResult(id);
  } catch (error) {
    if (!(error instanceof ApiError && error.failure.code === 'ERR_RESULT_NOT_FOUND')) throw error;
  }
  drop(id);
}

/** Leaves out a result that is not there any more. */
export function drop(id: string): void {
  results.value = results.value.filter((result) => result.id !== id);
}

/** Keeps up with other pages and with a server that was away. */
export function watchHistory(): void {
  document.addEventListener('visibilitychange', () => {
    if (document.visibilityState === 'visible') void refreshHistory();
  });
  effect(() => {
    if (!offline.value) void refreshHistory();
  });
}
