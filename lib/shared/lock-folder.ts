/**
 * The form of a lock on disk: a folder with one entry, which is named after its holder. It needs no links, which some file
 * systems do not support.
 */
import { mkdirSync, readdirSync, renameSync, rmdirSync, rmSync, unlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';

import { hasSystemCode } from './errors.js';

/** Returns the name of the holder; undefined if there is no lock, or if it is being cleared. */
export function readLock(lock: string): string | undefined {
  try {
    return readdirSync(lock)[0];
  } catch (error) {
    if (hasSystemCode(error, 'ENOENT')) return undefined;
    throw error;
  }
}

/**
 * Takes the lock unless another holder has it. The folder is prepared elsewhere and then renamed, so that it appears together
 * with its entry; a folder cannot be renamed onto one that is not empty.
 *
 * @param preparation a path in the same folder that no other thread uses
 * @returns whether the lock was taken
 */
export function takeLock(lock: string, holder: string, preparation: string): boolean {
  mkdirSync(preparation, { recursive: true });
  try {
    writeFileSync(path.join(preparation, holder), '');
    renameSync(preparation, lock);
    return true;
  } catch (error) {
    if (hasSystemCode(error, 'ENOTEMPTY', 'EEXIST')) return false;
    throw error;
  } finally {
    rmSync(preparation, { recursive: true, force: true });
  }
}

/** Ends the lock of `holder`. A lock that another holder has taken since it was read stays: its entry has another name. */
export function clearLock(lock: string, holder: string): void {
  ignoring(['ENOENT'], () => unlinkSync(path.join(lock, holder)));
  ignoring(['ENOENT', 'ENOTEMPTY', 'EEXIST'], () => rmdirSync(lock)); // never removes a folder that is not empty
}

function ignoring(codes: readonly string[], step: () => void): void {
  try {
    step();
  } catch (error) {
    if (!hasSystemCode(error, ...codes)) throw error;
  }
}
