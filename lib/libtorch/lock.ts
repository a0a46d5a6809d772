import {
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { isMainThread, threadId } from 'node:worker_threads';

import { isAlive } from '../shared/process.js';

const POLL_MS = 250;

/** What this thread names its entries: another of the same process has locks of its own. */
const OWN_ENTRY = isMainThread ? String(process.pid) : `${process.pid}-${threadId}`;

/** The locks that this thread holds. */
const held = new Set<string>();

/** Runs `work` while holding `lock`, which names the holder's process. Waits for another holder that is alive. */
export async function withLock<T>(lock: string, onWait: (pid: number) => void, work: () => Promise<T>): Promise<T> {
  mkdirSync(path.dirname(lock), { recursive: true });
  for (let waited = false; ;) {
    const holder = holderOf(lock);
    if (holder !== undefined && isHeld(lock, holder)) {
      if (!waited) onWait(holder.pid);
      waited = true;
      await sleep(POLL_MS);
      continue;
    }
    if (holder !== undefined) clear(lock, holder); // it was killed
    if (take(lock)) break;
  }
  held.add(lock);
  try {
    return await work();
  } finally {
    held.delete(lock);
    clear(lock, { pid: process.pid, entry: OWN_ENTRY });
  }
}

interface Holder {
  pid: number;
  /** In the lock's folder; undefined where the lock is a file, as those of 0.1.0 were. */
  entry: string | undefined;
}

/** One that names this very thread is of a killed process that had our id: in a container, every one's first process is 1. */
function isHeld(lock: string, { pid, entry = String(pid) }: Holder): boolean {
  return entry === OWN_ENTRY ? held.has(lock) : isAlive(pid);
}

/**
 * A lock is a folder with one entry, named after its holder. It appears with it: it is made aside and moved, and no folder
 * moves over one that holds something. Nothing is linked, which some file systems cannot do.
 */
function take(lock: string): boolean {
  const own = `${lock}.${process.pid}-${threadId}`;
  mkdirSync(own, { recursive: true });
  try {
    writeFileSync(path.join(own, OWN_ENTRY), '');
    renameSync(own, lock);
    return true;
  } catch (error) {
    if (isOneOf(error, 'ENOTEMPTY', 'EEXIST', 'ENOTDIR')) return false;
    throw error;
  } finally {
    rmSync(own, { recursive: true, force: true });
  }
}

/** Ends this holder's lock, and no other's that has been taken since it was read: that one's entry has another name. */
function clear(lock: string, { entry }: Holder): void {
  if (entry === undefined) {
    unless(['ENOENT', 'EISDIR'], () => unlinkSync(lock)); // never removes a folder
    return;
  }
  unless(['ENOENT', 'ENOTDIR'], () => unlinkSync(path.join(lock, entry)));
  unless(['ENOENT', 'ENOTDIR', 'ENOTEMPTY', 'EEXIST'], () => rmdirSync(lock)); // never removes one that holds something
}

/** Undefined when there is no lock, or a folder of one that is just being cleared. */
function holderOf(lock: string): Holder | undefined {
  try {
    const [entry] = readdirSync(lock);
    return entry === undefined ? undefined : { pid: parseInt(entry, 10), entry };
  } catch (error) {
    if (isOneOf(error, 'ENOENT')) return undefined;
    if (!isOneOf(error, 'ENOTDIR')) throw error;
  }
  try {
    return { pid: Number(readFileSync(lock, 'utf8')), entry: undefined };
  } catch (error) {
    if (isOneOf(error, 'ENOENT', 'EISDIR')) return undefined; // somebody has cleared it
    throw error;
  }
}

function unless(codes: readonly string[], step: () => void): void {
  try {
    step();
  } catch (error) {
    if (!isOneOf(error, ...codes)) throw error;
  }
}

function isOneOf(error: unknown, ...codes: string[]): boolean {
  return codes.includes((error as NodeJS.ErrnoException).code ?? '');
}
