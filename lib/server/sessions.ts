import { createHash, randomBytes } from 'node:crypto';

/** A session ends so long after its last use, or after its beginning. */
const IDLE_MS = 12 * 3_600_000;
export const SESSION_MS = 7 * 24 * 3_600_000;

/**
 * Sessions of people who gave the token: random names that are not derived from it. They end with a logout, with time, or with
 * the process. Their number is bounded: beyond it, the least recently used one ends.
 */
export class Sessions {
  /** The least recently used first. Keys are digests, so that the time of a lookup reveals nothing about a name. */
  readonly #sessions = new Map<string, { began: number; used: number }>();

  constructor(private readonly most = 1000) {}

  get size(): number {
    return this.#sessions.size;
  }

  begin(now = Date.now()): string {
    const name = randomBytes(32).toString('base64url');
    this.#sessions.set(digest(name), { began: now, used: now });
    for (const [oldest, session] of this.#sessions) {
      if (this.#sessions.size <= this.most && isAlive(session, now)) break;
      this.#sessions.delete(oldest);
    }
    return name;
  }

  /** Whether there is a session of that name. Asking counts as use. */
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
