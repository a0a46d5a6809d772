import { lstat, readdir, rm } from 'node:fs/promises';
import path from 'node:path';

import { ID, timeOf } from './clip-id.js';
import type { ResultStore } from './result-store.js';

/** Between two looks at the folder. */
const SWEEP_MS = 60_000;
/** What nobody finished in an hour nobody will. */
const STALE_MS = 3_600_000;
/** Lists of batches that are kept; a list is some bytes a clip. */
const MOST_BATCHES = 1000;
/** Part of the limit by which results may exceed it until the next look. */
const SLACK = 0.05;

export interface KeepLimits {
  /** After so long results go; null: never. */
  seconds: number | null;
  /** Of all results together, beyond which the oldest go; null: no limit. */
  bytes: number | null;
}

/** Removes results that are too old or too many. */
export class Retention {
  readonly #store: ResultStore;
  readonly #limits: KeepLimits;
  readonly #onError: (error: unknown) => void;
  /** Of results that were measured once. */
  readonly #sizes = new Map<string, number>();
  #added = 0;
  #sweeping: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(store: ResultStore, limits: KeepLimits, onError: (error: unknown) => void) {
    this.#store = store;
    this.#limits = limits;
    this.#onError = onError;
  }

  start(): void {
    void this.sweep();
    this.#timer = setInterval(() => void this.sweep(), SWEEP_MS).unref();
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#sweeping;
  }

  /** So many bytes were added, roughly. */
  added(bytes: number): void {
    this.#added += bytes;
    if (this.#limits.bytes !== null && this.#added > SLACK * this.#limits.bytes) void this.sweep();
  }

  /** One look; who asks while there is one gets that. Never rejects. */
  sweep(): Promise<void> {
    this.#added = 0;
    return (this.#sweeping ??= this.#sweep()
      .catch(this.#onError)
      .finally(() => (this.#sweeping = undefined)));
  }

  async #sweep(): Promise<void> {
    const now = Date.now();
    const { seconds, bytes } = this.#limits;
    const ids = await this.#store.ids();
    const alive = ids.filter((id) => seconds === null || now - timeOf(id) <= 1000 * seconds);
    const late = ids.slice(0, ids.length - alive.length);
    if (bytes !== null) {
      let total = 0;
      for (const id of alive) total += await this.#sizeOf(id);
      while (total > bytes) {
        const oldest = alive.shift()!;
        total -= await this.#sizeOf(oldest);
        late.push(oldest);
      }
    }
    for (const id of late) {
      await this.#store.delete(id);
      this.#sizes.delete(id);
    }
    await this.#clearAway(now);
  }

  /** Lists of batches that are old or many, and what a process that was killed left behind. */
  async #clearAway(now: number): Promise<void> {
    const { seconds } = this.#limits;
    const remove = (name: string) => rm(path.join(this.#store.folder, name), { recursive: true, force: true });
    const batches: string[] = [];
    for (const name of await this.#store.names()) {
      const [, unfinished, id] = /^(\.part-|\.gone-)?(.{32})(?:\.batch\.json)?$/.exec(name) ?? [];
      if (id === undefined || !ID.test(id) || name === id) continue;
      if (unfinished === undefined) batches.push(name);
      else if (now - timeOf(id) > STALE_MS) await remove(name);
    }
    for (const [i, name] of batches.sort().entries()) {
      const old = seconds !== null && now - timeOf(name) > 1000 * seconds;
      if (old || i < batches.length - MOST_BATCHES) await remove(name);
    }
  }

  async #sizeOf(id: string): Promise<number> {
    const known = this.#sizes.get(id);
    if (known !== undefined) return known;
    const folder = path.join(this.#store.folder, id);
    let size = 0;
    for (const file of await readdir(folder).catch(() => [])) {
      const stats = await lstat(path.join(folder, file)).catch(() => undefined);
      size += (stats?.blocks ?? 0) * 512; // what it takes of the disk
    }
    this.#sizes.set(id, size);
    return size;
  }
}
