import { lstat, readdir, rm } from 'node:fs/promises';
import path from 'node:path';

import type { KeepLimits } from './api-options.js';
import { CLIP_ID, timeOf } from './clip-id.js';
import type { ResultStore } from './result-store.js';

/** Interval between two sweeps of the folder. */
const SWEEP_MS = 60_000;
/** Age at which unfinished files are considered leftovers of a killed process. */
const STALE_MS = 3_600_000;
/** Maximum number of batch lists that are kept. A list has a few bytes for each clip. */
const MAX_BATCHES = 1000;
/** Fraction of the size limit by which results may exceed it before the folder is swept again. */
const SLACK = 0.05;

/** Deletes results that are too old, or that exceed the size limit. */
export class Retention {
  readonly #store: ResultStore;
  readonly #limits: KeepLimits;
  readonly #onError: (error: unknown) => void;
  /** Sizes of results that have been measured. */
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

  /** Reports that about this many bytes were added. */
  added(bytes: number): void {
    this.#added += bytes;
    if (this.#limits.bytes !== null && this.#added > SLACK * this.#limits.bytes) void this.sweep();
  }

  /** Sweeps the folder once. A call during a sweep returns that sweep. Never rejects. */
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
    const current = ids.filter((id) => seconds === null || now - timeOf(id) <= 1000 * seconds);
    const expired = ids.slice(0, ids.length - current.length);
    if (bytes !== null) {
      let total = 0;
      for (const id of current) total += await this.#sizeOf(id);
      while (total > bytes) {
        const oldest = current.shift()!;
        total -= await this.#sizeOf(oldest);
        expired.push(oldest);
      }
    }
    for (const id of expired) {
      await this.#store.delete(id);
      this.#sizes.delete(id);
    }
    await this.#clearLeftovers(now);
  }

  /** Deletes batch lists that are too old or too many, and the leftovers of killed processes. */
  async #clearLeftovers(now: number): Promise<void> {
    const { seconds } = this.#limits;
    const remove = (name: string) => rm(path.join(this.#store.folder, name), { recursive: true, force: true });
    const batches: string[] = [];
    for (const name of await this.#store.names()) {
      const [, unfinished, id] = /^(\.part-|\.gone-)?(.{32})(?:\.batch\.json)?$/.exec(name) ?? [];
      if (id === undefined || !CLIP_ID.test(id) || name === id) continue;
      if (unfinished === undefined) batches.push(name);
      else if (now - timeOf(id) > STALE_MS) await remove(name);
    }
    for (const [i, name] of batches.sort().entries()) {
      const old = seconds !== null && now - timeOf(name) > 1000 * seconds;
      if (old || i < batches.length - MAX_BATCHES) await remove(name);
    }
  }

  async #sizeOf(id: string): Promise<number> {
    const known = this.#sizes.get(id);
    if (known !== undefined) return known;
    const folder = path.join(this.#store.folder, id);
    let size = 0;
    for (const file of await readdir(folder).catch(() => [])) {
      const stats = await lstat(path.join(folder, file)).catch(() => undefined);
      size += (stats?.blocks ?? 0) * 512; // the space that it takes on the disk
    }
    this.#sizes.set(id, size);
    return size;
  }
}
