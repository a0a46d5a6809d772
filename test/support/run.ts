import { execFile } from 'node:child_process';

import { endsWithTest } from './children.js';
import { cli, root } from './paths.js';

export interface Ran {
  status: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
}

/** Runs Node in the checkout and waits for it to exit, at the latest when the test ends. `LIMIT` is the address space in kilobytes (ulimit -v). */
export function runNode(args: readonly string[], env: Record<string, string> = {}): Promise<Ran> {
  const { LIMIT, ...rest } = env;
  const [program, all] =
    LIMIT === undefined
      ? [process.execPath, args]
      : ['sh', ['-c', `ulimit -v ${LIMIT}; exec "$0" "$@"`, process.execPath, ...args]];
  return new Promise((resolve) => {
    const options = { cwd: root, env: { ...process.env, ...rest }, maxBuffer: 2 ** 26 };
    const child = endsWithTest(
      execFile(program, all, options, (_error, stdout, stderr) =>
        resolve({ status: child.exitCode, signal: child.signalCode, stdout, stderr }),
      ),
    );
  });
}

/** Runs the command line tool. */
export function runCli(args: readonly string[], env: Record<string, string> = {}): Promise<Ran> {
  return runNode([cli, ...args], env);
}
