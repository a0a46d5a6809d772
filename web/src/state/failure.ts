/** The last failure, until it is dismissed or another action begins. */
import { effect, signal } from '@preact/signals';

import type { ApiFailure } from '../api/types.js';
import { texts } from '../i18n/index.js';
import { offline } from './status.js';

export const failure = signal<ApiFailure | undefined>(undefined);

export function fail(problem: ApiFailure): void {
  failure.value = problem;
}

/**
 * Describes a failure in the language of the page. Codes that the page does not know are described by the message of the server.
 */
export function failureText({ code, message }: ApiFailure): string {
  return texts.value.error.codes[code] ?? message;
}

// Clears the alert when the server responds again.
effect(() => {
  if (!offline.value && failure.peek()?.code === 'ERR_NETWORK') failure.value = undefined;
});
