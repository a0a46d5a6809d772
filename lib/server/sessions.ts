import { createHash, randomBytes } from 'node:crypto';

/** A session ends after this time without use. */
const IDLE_MS = 12 * 3_600_000;
/** A session ends at this age in any case. */
export const SESSION_MS = 7 * 24 * 3_600_000;

/**
 * Sessions of people who logged in with the token. Their names are random and not derived from the token. A session ends by
 * logout, by time, or with the process. Their number is bounded: beyond it, a new session ends the least recently used one.
 */
export class Sessions {
  /** Least recently used first. Keys are digests, so that the time of a lookup reveals nothing about a name. */
  readonly #sessions = new Map<string, { began: number; used: number }>();

  constructor(private readonly max = 1000) {}

  get size(): number {
    return this.#sessions.size;
  }

  begin(now = Date.now()): string {
    const name = randomBytes(32).toString('base64url');
    this.#sessions.set(digest(name), { began: now, used: now });
    for (const [oldest, session] of this.#sessions) {
      if (this.#sessions.size <= this.max && isAlive(session, now)) break;
      this.#sessions.delete(oldest);
    }
    return name;
  }

  /** Returns whether there is a session with that name. The call counts as use of the session. */
  has(name: string, now = Date.now()): boolean {
    const key = digest(name);
    const session = this.#sessions.get(key);
    if (session === undefined) return false;
    this.#sessions.delete(key);
    if (!isAlive(session, now)) return false;
    this.#sessions.set(key, { ...session, used: now });
    return true;
  }

  end(name: string): void {
    this.#sessions.delete(digest(name));
  }
}

function isAlive({ began, used }: { began: number; used: number }, now: number): boolean {
  return now - used < IDLE_MS && now - began < SESSION_MS;
}

function digest(name: string): string {
  return createHash('sha256').update(name).digest('base64');
}
