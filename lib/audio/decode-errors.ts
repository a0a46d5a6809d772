import type { ErrorCode } from '../shared/errors.js';

/** An EmotionError before its remedy, on a decoding thread: errors lose their class on the way between threads. */
export class Failure extends Error {
  constructor(
    readonly code: ErrorCode,
    what: string,
    cause?: unknown,
    /** Replaces the code's usual advice. */
    readonly remedy?: string,
    /** Whether the thread cannot decode this kind of file any more. */
    readonly broken = false,
  ) {
    super(what, { cause });
  }
}

/** Nothing of ours reads this format or codec; another decoder may. */
export class Unsupported extends Error {}
