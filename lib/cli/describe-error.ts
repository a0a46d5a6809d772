import { EmotionError, messageOf } from '../shared/errors.js';

/** Describes an error in one line. With `debug`, adds the stack and the causes. */
export function describeError(error: unknown, debug: boolean): string {
  if (debug && error instanceof Error) {
    return `${error.stack ?? error.message}${error.cause === undefined ? '' : `\ncaused by ${describeError(error.cause, true)}`}`;
  }
  return error instanceof EmotionError ? `${error.code}: ${error.message}` : messageOf(error);
}
