/** Other processes of this machine, by their number. */
import { readFileSync } from 'node:fs';

/** Of the clock that /proc counts in: USER_HZ, the same on every Linux that Node runs on. */
const TICKS = 100;

export function isAlive(pid: number): boolean {
  if (!(pid > 0)) return false; // to kill(2), 0 is this process's group
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** When a process began, in milliseconds since 1970, to about a second; undefined where it is not there. */
export function startOf(pid: number): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const ticks = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]); // the name before it may hold anything
    const boot = Number(/^btime (\d+)$/m.exec(readFileSync('/proc/stat', 'latin1'))?.[1]);
    return Number.isFinite(ticks + boot) ? 1000 * (boot + ticks / TICKS) : undefined;
  } catch {
    return undefined;
  }
}
