import { EmotionError, type ErrorCode, messageOf, type Problem, systemCode } from '../shared/errors.js';

/** Something that was looked for: its value, or why it could not be found out. */
export type Known<T> = { value: T; problem?: undefined } | { value?: undefined; problem: Problem };

/** How Node, WebAssembly and the system say that memory ran out. */
const OUT_OF_MEMORY = /out of memory|memory ran out|allocat/i;

/**
 * Makes a problem of anything that was thrown.
 * @param code for an error that has none of this package's codes
 */
export function problemOf(error: unknown, code: ErrorCode): Problem {
  const problem: Problem =
    error instanceof EmotionError
      ? { code: error.code, kind: error.kind, what: error.what, remedy: error.remedy }
      : { code, what: messageOf(error).replace(/\.$/, '') };
  if (problem.kind === undefined && isOutOfMemory(error)) problem.kind = 'memory';
  return problem;
}

/** Returns whether the error, or one that caused it, is not of this package and says that memory ran out. */
function isOutOfMemory(error: unknown): boolean {
  if (error instanceof EmotionError) return error.cause !== undefined && isOutOfMemory(error.cause);
  if (['ENOMEM', 'EAGAIN'].includes(systemCode(error) ?? '') || OUT_OF_MEMORY.test(messageOf(error))) return true;
  return error instanceof Error && error.cause !== undefined && isOutOfMemory(error.cause);
}

/**
 * Returns what `look` returns, or why it threw: nothing that the doctor examines may end its work.
 * @param code for errors that have none of this package's codes
 */
export function known<T>(code: ErrorCode, look: () => T): Known<T> {
  try {
    return { value: look() };
  } catch (error) {
    return { problem: problemOf(error, code) };
  }
}

/** Does the same for a promise. */
export async function knownAsync<T>(code: ErrorCode, look: () => Promise<T>): Promise<Known<T>> {
  try {
    return { value: await look() };
  } catch (error) {
    return { problem: problemOf(error, code) };
  }
}

/** Returns what `look` returns; undefined if it throws. */
export function attempt<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch {
    return undefined;
  }
}

/** Returns whether `check` does not throw. */
export function succeeds(check: () => void): boolean {
  try {
    check();
    return true;
  } catch {
    return false;
  }
}
