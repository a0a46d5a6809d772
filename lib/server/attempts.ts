/** Counts failed attempts by address, within a window of time. Its memory is bounded: the oldest addresses are forgotten. */
export class Attempts {
  /** The oldest first. */
  readonly #counts = new Map<string, { count: number; since: number }>();

  constructor(
    private readonly max: number,
    private readonly windowMs: number,
    private readonly mostKeys = 10_000,
  ) {}

  get size(): number {
    return this.#counts.size;
  }

  /** Milliseconds until that address may try again; 0: it may. */
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
    this.#counts.delete(key); // to come last
    this.#counts.set(key, { count: 1, since: now });
    for (const [oldest, { since }] of this.#counts) {
      if (this.#counts.size <= this.mostKeys && now - since < this.windowMs) break;
      this.#counts.delete(oldest);
    }
  }
}
