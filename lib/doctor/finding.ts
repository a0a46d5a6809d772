import { EmotionError, messageOf } from '../shared/errors.js';

/** `info`: worth knowing, and well. `warning`: recognition works all the same. `error`: it does not. */
export type Status = 'ok' | 'info' | 'warning' | 'error';

/** What was looked at, and how it is. Stable: scripts read it. */
export interface Finding {
  /** `topic.what`, such as system.memory. */
  id: string;
  title: string;
  status: Status;
  /** Without a full stop at its end. */
  detail: string;
  /** What to do where it is not well. */
  remedy?: string;
  /** What was measured, for programs. */
  data?: Record<string, unknown>;
}

/** What went wrong, in the words of an error, its advice apart. */
export interface Problem {
  code?: string;
  /** A sentence without a full stop. */
  what: string;
  remedy?: string;
}

/** Something that was looked for: found, or why that failed. */
export type Known<T> = { value: T; problem?: undefined } | { value?: undefined; problem: Problem };

export function problemOf(error: unknown): Problem {
  if (!(error instanceof EmotionError)) return { what: messageOf(error).replace(/\.$/, '') };
  const { code, what, remedy } = error;
  return { code, what, remedy };
}

/** What `look` gives, or why it failed: nothing that a doctor looks at may end the visit. */
export function known<T>(look: () => T): Known<T> {
  try {
    return { value: look() };
  } catch (error) {
    return { problem: problemOf(error) };
  }
}

export async function knownLater<T>(look: () => Promise<T>): Promise<Known<T>> {
  try {
    return { value: await look() };
  } catch (error) {
    return { problem: problemOf(error) };
  }
}
