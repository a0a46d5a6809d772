/** Child processes of tests. One that still runs when its test has ended, such as after a timeout, is killed. */
import type { ChildProcess } from 'node:child_process';

const running = new Set<ChildProcess>();

/** Returns the child, which is killed at the end of the test if it still runs. */
export function endsWithTest<C extends ChildProcess>(child: C): C {
  running.add(child);
  child.once('close', () => running.delete(child));
  return child;
}

/** Returns whether a child has exited or was killed. */
export function hasEnded({ exitCode, signalCode }: ChildProcess): boolean {
  return exitCode !== null || signalCode !== null;
}

afterEach(() => {
  for (const child of running) child.kill('SIGKILL');
});
