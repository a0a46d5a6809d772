/** The results that the server keeps. */
import { effect, signal } from '@preact/signals';

import { ApiError, deleteResult, getResults } from '../api/client.js';
import type { ResultSummary } from '../api/types.js';
import { offline } from './status.js';

export const results = signal<ResultSummary[]>([]);
/** The `before` value of the next page; undefined on the last page. */
export const older = signal<string | undefined>(undefined);

/** Fetches the newest results again. Older ones that were fetched before stay. */
export async function refreshHistory(): Promise<void> {
  try {
    const { results: newest, next } = await getResults();
    const last = newest.at(-1)?.id;
    const rest = next === null || last === undefined ? [] : results.value.filter(({ id }) => id < last);
    results.value = [...newest, ...rest];
    if (rest.length === 0) older.value = next ?? undefined;
  } catch {
    // The status shows whether the server responds.
  }
}

let reading: Promise<void> | undefined;

/** Fetches the next page. Calls while it is being fetched share one request. */
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

/** Deletes a result. One that was deleted elsewhere already is not an error. */
export async function removeResult(id: string): Promise<void> {
  try {
    await deleteResult(id);
  } catch (error) {
    if (!(error instanceof ApiError && error.failure.code === 'ERR_RESULT_NOT_FOUND')) throw error;
  }
  drop(id);
}

/** Removes a result that no longer exists on the server from the list. */
export function drop(id: string): void {
  results.value = results.value.filter((result) => result.id !== id);
}

/** Updates the list when the page becomes visible and when the server responds again. */
export function watchHistory(): void {
  document.addEventListener('visibilitychange', () => {
    if (document.visibilityState === 'visible') void refreshHistory();
  });
  effect(() => {
    if (!offline.value) void refreshHistory();
  });
}
