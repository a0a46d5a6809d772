import { EmotionError, messageOf } from '../shared/errors.js';

/** One line, unless `debug` asks for the stack and the causes. */
export function describeError(error: unknown, debug: boolean): string {
  if (debug && error instanceof Error) {
    return `${error.stack ?? error.message}${error.cause === undefined ? '' : `\ncaused by ${describeError(error.cause, true)}`}`;
  }
  return error instanceof EmotionError ? `${error.code}: ${error.message}` : messageOf(error);
}
