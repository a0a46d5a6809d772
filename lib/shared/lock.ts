import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { isMainThread, threadId } from 'node:worker_threads';

import { clearLock, readLock, takeLock } from './lock-folder.js';
import { isAlive } from './process.js';

const POLL_MS = 250;

/** The name that this thread writes into its locks. Each thread of a process has locks of its own. */
const OWN_NAME = isMainThread ? String(process.pid) : `${process.pid}-${threadId}`;

/** The locks that this thread holds. */
const held = new Set<string>();

/**
 * Runs `work` while holding `lock`, a path that all processes use for the same purpose. Waits while another live process holds
 * it. The lock of a killed process is taken over at once.
 *
 * @param onWait called once, with the id of the process that is waited for
 */
export async function withLock<T>(lock: string, onWait: (pid: number) => void, work: () => Promise<T>): Promise<T> {
  mkdirSync(path.dirname(lock), { recursive: true });
  for (let waited = false; ;) {
    const holder = readLock(lock);
    if (holder !== undefined && isHeld(lock, holder)) {
      if (!waited) onWait(processOf(holder));
      waited = true;
      await sleep(POLL_MS);
      continue;
    }
    if (holder !== undefined) clearLock(lock, holder); // the holder was killed
    if (takeLock(lock, OWN_NAME, `${lock}.${process.pid}-${threadId}`)) break;
  }
  held.add(lock);
  try {
    return await work();
  } finally {
    held.delete(lock);
    clearLock(lock, OWN_NAME);
  }
}

/**
 * Returns whether a lock is held. A lock with the name of this thread that this thread does not hold belongs to a killed process
 * that had the same id. In containers, for example, the first process always has id 1.
 */
function isHeld(lock: string, holder: string): boolean {
  return holder === OWN_NAME ? held.has(lock) : isAlive(processOf(holder));
}

function processOf(holder: string): number {
  return parseInt(holder, 10);
}
