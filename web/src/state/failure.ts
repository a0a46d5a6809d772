/** What went wrong last, until it is dismissed or something else is tried. */
import { effect, signal } from '@preact/signals';

import type { ApiFailure } from '../api/types.js';
import { texts } from '../i18n/index.js';
import { offline } from './status.js';

export const failure = signal<ApiFailure | undefined>(undefined);

export function fail(problem: ApiFailure): void {
  failure.value = problem;
}

/** What a person can do about it, in his language; what the server says where the page knows nothing better. */
export function wordsFor({ code, message }: ApiFailure): string {
  return texts.value.error.codes[code] ?? message;
}

// That the server was away is no news once it is back.
effect(() => {
  if (!offline.value && failure.peek()?.code === 'ERR_NETWORK') failure.value = undefined;
});
