/**
 * Counts the failed attempts of each address, in a time window that begins with the first one. Memory is bounded: the oldest
 * addresses are dropped.
 */
export class Attempts {
  /** Oldest first. */
  readonly #counts = new Map<string, { count: number; since: number }>();

  constructor(
    private readonly max: number,
    private readonly windowMs: number,
    private readonly maxKeys = 10_000,
  ) {}

  get size(): number {
    return this.#counts.size;
  }

  /** Returns the milliseconds until the address may try again, 0 if it may try now. */
  blockedFor(key: string, now = Date.now()): number {
    const found = this.#counts.get(key);
    if (found === undefined || found.count < this.max) return 0;
    return Math.max(0, found.since + this.windowMs - now);
  }

  add(key: string, now = Date.now()): void {
    const found = this.#counts.get(key);
    if (found !== undefined && now - found.since < this.windowMs) {
      found.count++;
      return;
    }
    this.#counts.delete(key); // so that it is inserted as the newest
    this.#counts.set(key, { count: 1, since: now });
    for (const [oldest, { since }] of this.#counts) {
      if (this.#counts.size <= this.maxKeys && now - since < this.windowMs) break;
      this.#counts.delete(oldest);
    }
  }
}
