import { EmotionError, messageOf } from '../shared/errors.js';
import { sha256OfFile } from '../shared/hash.js';

export const CORRECT_MIRROR =
  'Correct EMOTION2VEC_LIBTORCH_URL, which must be the URL of a wheel or zip of libtorch, and EMOTION2VEC_LIBTORCH_SHA256, which must be its SHA-256.';

/** Creates the error of a download that would fail again in the same way. */
export function downloadError(reason: string, options: { remedy: string; cause?: unknown }): EmotionError {
  return new EmotionError('ERR_LIBTORCH_DOWNLOAD', `libtorch could not be downloaded: ${reason}`, options);
}

/**
 * Creates the error of an archive that is not the expected one. It came from a mirror, because pip downloads pinned wheels only.
 */
export function mirrorError(reason: string, cause?: unknown): EmotionError {
  return downloadError(reason, { remedy: CORRECT_MIRROR, ...(cause === undefined ? {} : { cause }) });
}

/**
 * @param name name of the file in the error message
 * @throws EmotionError with `remedy` if the file has another SHA-256
 */
export async function checkHash(file: string, expected: string, name: string, remedy: string): Promise<void> {
  const actual = await sha256OfFile(file);
  if (actual !== expected.toLowerCase())
    throw downloadError(`${name} has sha256 ${actual}, not ${expected}`, { remedy });
}

/** Returns the messages of an error and of its causes. The message of `fetch` alone is `fetch failed` for every cause. */
export function messagesOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  // An AggregateError has an error for each address of a host name.
  const inner: unknown = error instanceof AggregateError ? error.errors[0] : error.cause;
  return [messageOf(error), inner === undefined ? '' : messagesOf(inner)].filter((text) => text !== '').join(': ');
}
