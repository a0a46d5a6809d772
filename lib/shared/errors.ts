import { types } from 'node:util';

import { type ErrorCode, entryOf } from './error-codes.js';
import { shown } from './text.js';

export { type ErrorCode, isErrorCode } from './error-codes.js';

/**
 * A failure and its remedy. Failures that are not thrown, or not yet, have this shape: for example the findings of the doctor,
 * and the reasons why a device cannot be used.
 */
export interface Problem {
  code: ErrorCode;
  /** Distinguishes cases of one code for programs. */
  kind?: ProblemKind | undefined;
  /** What is wrong, as a sentence without a period. */
  what: string;
  /** What to do about it. Default: the remedy of the code. */
  remedy?: string | undefined;
}

/**
 * Cases that share their code with others:
 * - `address-space`: the limit of the address space (ulimit -v) is too small;
 * - `memory`: memory ran out, and the code states what failed because of that;
 * - `old-system`: the system's C or C++ library is older than the one that a file needs;
 * - `old-system-libtorch`: the same, and the file belongs to libtorch.
 */
export type ProblemKind = 'address-space' | 'memory' | 'old-system' | 'old-system-libtorch';

/** Maximum length of `what`. This is a safety net: text that it quotes is shortened where it is quoted. */
const MAX_WHAT = 1000;

/**
 * The error class of this package. Programs should check `code`, which is stable; the text may change. `message` states what
 * happened and what to do about it. `cause` is the underlying error, if there is one.
 */
export class EmotionError extends Error {
  /** Stable code for programs. docs/reference/errors.md lists all codes. */
  readonly code: ErrorCode;
  readonly #what: string;
  readonly #remedy: string;
  readonly #kind: ProblemKind | undefined;

  /**
   * @param code one of the stable codes
   * @param what what happened, as a sentence without a period
   * @param options `cause`: the underlying error; `remedy`: replaces the remedy of the code; `kind`: the case of the code
   */
  constructor(
    code: ErrorCode,
    what: string,
    options: { cause?: unknown; remedy?: string | undefined; kind?: ProblemKind | undefined } = {},
  ) {
    const sentence = shown(what, MAX_WHAT).replace(/\.$/, ''); // text quoted from elsewhere may end with a period
    const remedy = remedyOf({ code, what, remedy: options.remedy });
    super(`${sentence}. ${remedy}`, 'cause' in options ? { cause: options.cause } : undefined);
    this.name = 'EmotionError';
    this.code = code;
    this.#what = sentence;
    this.#remedy = remedy;
    this.#kind = options.kind;
  }

  /**
   * Creates the error of a problem.
   * @internal
   */
  static from({ code, kind, what, remedy }: Problem, cause?: unknown): EmotionError {
    return new EmotionError(code, what, { remedy, kind, ...(cause !== undefined && { cause }) });
  }

  /** What happened, as a sentence without a period. */
  get what(): string {
    return this.#what;
  }

  /** What to do about it. */
  get remedy(): string {
    return this.#remedy;
  }

  /** The case of the code, if its cases are distinguished. @internal */
  get kind(): ProblemKind | undefined {
    return this.#kind;
  }
}

/** Returns the remedy for a problem: its own, or the default remedy of its code. */
export function remedyOf({ code, remedy }: Problem): string {
  return remedy ?? entryOf(code).remedy;
}

/** Returns whether a value is an EmotionError with one of these codes. */
export function hasCode(error: unknown, ...codes: readonly ErrorCode[]): error is EmotionError {
  return error instanceof EmotionError && codes.includes(error.code);
}

export function isOutOfMemory(error: unknown): error is EmotionError {
  return hasCode(error, 'ERR_OUT_OF_MEMORY');
}

/** Returns the code of an operating system error, such as `ENOENT`, or undefined for any other value. */
export function systemCode(error: unknown): string | undefined {
  const code: unknown = (error as { code?: unknown } | null | undefined)?.code;
  return typeof code === 'string' && /^E[A-Z0-9]+$/.test(code) ? code : undefined;
}

/** Returns whether a value is an operating system error with one of these codes. */
export function hasSystemCode(error: unknown, ...codes: readonly string[]): boolean {
  return codes.includes(systemCode(error) ?? '');
}

/** Returns the message of a thrown value. Messages of file system errors are cut before the paths at their end. */
export function messageOf(error: unknown): string {
  if (!isError(error)) return textOf(error);
  const { message, code, syscall } = error as NodeJS.ErrnoException;
  if (code === undefined || syscall === undefined || !message.startsWith(`${code}: `)) return message;
  const end = message.indexOf(`, ${syscall}`);
  return end < 0 ? message : message.slice(0, end + `, ${syscall}`.length);
}

/** Errors of another realm (node:vm) are not instances of the `Error` of this one. */
function isError(error: unknown): error is Error {
  return error instanceof Error || types.isNativeError(error);
}

/** Converts a thrown value to text. Some values, such as objects without a prototype, cannot be converted. */
function textOf(value: unknown): string {
  try {
    return String(value);
  } catch {
    return 'a value that is not an error';
  }
}
