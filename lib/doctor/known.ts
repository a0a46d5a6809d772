import { EmotionError, type ErrorCode, hasSystemCode, messageOf, type Problem } from '../shared/errors.js';

/** A fact: its value, or the reason why it could not be determined. */
export type Known<T> = { value: T; problem?: undefined } | { value?: undefined; problem: Problem };

/** Matches the messages with which Node, WebAssembly and the system report that memory ran out. */
const OUT_OF_MEMORY = /out of memory|memory ran out|allocat/i;

/**
 * Converts a thrown value to a problem.
 * @param code the code of the problem if the value has none of this package's codes
 */
export function problemOf(error: unknown, code: ErrorCode): Problem {
  const problem: Problem =
    error instanceof EmotionError
      ? { code: error.code, kind: error.kind, what: error.what, remedy: error.remedy }
      : { code, what: messageOf(error).replace(/\.$/, '') };
  if (problem.kind === undefined && isOutOfMemory(error)) problem.kind = 'memory';
  return problem;
}

/** Returns whether an error, or one of its causes, comes from outside this package and reports that memory ran out. */
function isOutOfMemory(error: unknown): boolean {
  if (error instanceof EmotionError) return error.cause !== undefined && isOutOfMemory(error.cause);
  if (hasSystemCode(error, 'ENOMEM', 'EAGAIN') || OUT_OF_MEMORY.test(messageOf(error))) return true;
  return error instanceof Error && error.cause !== undefined && isOutOfMemory(error.cause);
}

/**
 * Returns what `look` returns, or the reason why it threw. No failure of a single check may stop the doctor.
 * @param code the code of the problem if the error has none of this package's codes
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

/** Returns whether `check` returns without throwing. */
export function succeeds(check: () => void): boolean {
  try {
    check();
    return true;
  } catch {
    return false;
  }
}
