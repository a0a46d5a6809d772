/** Information about other processes of this machine, by process ID. */
import { readFileSync } from 'node:fs';

import { hasSystemCode } from './errors.js';

/** Ticks per second of the clock of /proc (USER_HZ). It is the same on every Linux that Node supports. */
const TICKS = 100;

/** Returns whether a process exists, of any user. */
export function isAlive(pid: number): boolean {
  if (!(pid > 0)) return false; // for kill(2), 0 is the process group of this process
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return hasSystemCode(error, 'EPERM');
  }
}

/**
 * Returns the start time of a process in milliseconds since 1970, accurate to about a second, or undefined if there is no such
 * process.
 */
export function startOf(pid: number): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const ticks = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]); // the process name before it may contain any character
    const boot = Number(/^btime (\d+)$/m.exec(readFileSync('/proc/stat', 'latin1'))?.[1]);
    return Number.isFinite(ticks + boot) ? 1000 * (boot + ticks / TICKS) : undefined;
  } catch {
    return undefined;
  }
}
