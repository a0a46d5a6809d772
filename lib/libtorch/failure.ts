import { EmotionError, messageOf } from '../shared/errors.js';

export const CORRECT_MIRROR =
  'Correct EMOTION2VEC_LIBTORCH_URL, which is to name a wheel or zip of libtorch, and EMOTION2VEC_LIBTORCH_SHA256, which is its sha256.';

/** Of what trying again would not help. */
export function notFetched(what: string, options: { remedy: string; cause?: unknown }): EmotionError {
  return new EmotionError('ERR_LIBTORCH_DOWNLOAD', `libtorch could not be fetched: ${what}`, options);
}

/** Of a mirror that is not what it should be: what pip fetches has been checked. */
export function wrongMirror(what: string, cause?: unknown): EmotionError {
  return notFetched(what, { remedy: CORRECT_MIRROR, ...(cause === undefined ? {} : { cause }) });
}

/** The message with those of the errors underneath: fetch's own is `fetch failed`, whatever has failed. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const inner: unknown = error instanceof AggregateError ? error.errors[0] : error.cause; // one for each address of a name
  return [messageOf(error), inner === undefined ? '' : reasonOf(inner)].filter((text) => text !== '').join(': ');
}
