import { EmotionError, type ErrorCode, messageOf, type Problem, systemCode } from '../shared/errors.js';

/** Something that was looked for: its value, or why it could not be found out. */
export type Known<T> = { value: T; problem?: undefined } | { value?: undefined; problem: Problem };

/** How Node, WebAssembly and the system say that memory ran out. */
const OUT_OF_MEMORY = /out of memory|memory ran out|allocat/i;

/** @param code for an error that has none of this package's codes */
export function problemOf(error: unknown, code: ErrorCode): Problem {
  const kind = isOutOfMemory(error) ? 'memory' : undefined;
  if (!(error instanceof EmotionError))
    return { code, what: messageOf(error).replace(/\.$/, ''), ...(kind && { kind }) };
  const { what, remedy } = error;
  return { code: error.code, what, remedy, ...((error.kind ?? kind) && { kind: error.kind ?? kind }) };
}

/** Whether memory ran out according to the error, or to one that caused it, that is not from this package. */
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

export async function knownAsync<T>(code: ErrorCode, look: () => Promise<T>): Promise<Known<T>> {
  try {
    return { value: await look() };
  } catch (error) {
    return { problem: problemOf(error, code) };
  }
}

/** Returns what `look` returns; undefined where it throws. */
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
