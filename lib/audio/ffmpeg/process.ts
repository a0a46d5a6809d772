import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Readable } from 'node:stream';

import { onAbort } from '../../shared/abort.js';

/** Time limits in milliseconds: between two pieces of output (and before the first), and for the whole run. */
export const TIMEOUTS = { silent: 20_000, total: 600_000 };
/** Milliseconds in which the program must exit after its output has ended. */
const EXIT_MS = 2000;
/** Limit of the address space. ffmpeg takes 300 MB, nearly all of it for libraries. */
const MAX_MEMORY_KB = 2 ** 20;
/** Number of characters kept of standard error. The last line states why the program failed. */
const MAX_STDERR = 4096;

/**
 * The program's input, as its arguments name it: a descriptor that it inherits. The name of a user's file is never passed, so it
 * cannot be mistaken for an option or a protocol.
 */
export const INPUT = 'file:/proc/self/fd/4';

/**
 * Runs a program within resource limits and kills it when descriptor 3 is closed. The other end belongs to this thread: the
 * system closes it when the thread or the process ends, for whatever reason. The program cannot write files.
 */
const GUARD = `
ulimit -v ${MAX_MEMORY_KB}; ulimit -t ${TIMEOUTS.total / 1000}; ulimit -c 0; ulimit -f 0
"$@" 3<&- &
program=$!
{ read -r _ <&3; kill -9 $program; } 4<&- >/dev/null 2>&1 &
guard=$!
exec 3<&- 4<&-
wait $program
status=$?
kill -9 $guard
exit $status
`;

/** How the program ended: its exit status, or why it was killed. */
export type ExitResult = { status: number; errors: string } | { killed: 'silent' | 'slow' };

/** A program that writes samples to its standard output while they are read. */
export class GuardedProcess {
  readonly #child: ChildProcess;
  readonly #output: Readable;
  readonly #closed: Promise<unknown>;
  #errors = '';
  #killed: 'silent' | 'slow' | undefined;

  /**
   * Starts a program.
   * @param input descriptor that the program reads as `INPUT`; the caller may close it afterwards
   * @throws the errors of `spawn`
   */
  static async start(program: string, args: readonly string[], input: number): Promise<GuardedProcess> {
    const { FFREPORT: _, ...env } = process.env; // with it, ffmpeg would write a log, and the file size limit would kill it
    const child = spawn('/bin/sh', ['-c', GUARD, 'sh', program, ...args], {
      stdio: ['ignore', 'pipe', 'pipe', 'pipe', input],
      detached: true, // a process group of its own, which can be killed as a whole
      cwd: '/',
      env,
    });
    const started = new GuardedProcess(child);
    await once(child, 'spawn');
    return started;
  }

  private constructor(child: ChildProcess) {
    this.#child = child;
    this.#output = child.stdout!;
    this.#closed = new Promise((resolve) => child.once('close', resolve));
    child.on('error', () => undefined); // handled by `start`
    (child.stdio[3] as Readable).on('error', () => undefined);
    child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      this.#errors = (this.#errors + text).slice(-MAX_STDERR);
    });
  }

  /** Yields the output as it arrives. Ends early if the signal aborts or a time limit is reached. */
  async *output(signal: AbortSignal | undefined, timeouts = TIMEOUTS): AsyncGenerator<Buffer, void, undefined> {
    const unfollow = signal && onAbort(signal, () => this.kill());
    const chunks = this.#output[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
    let waited = 0; // excludes the time that the reader takes
    try {
      for (;;) {
        const left = timeouts.total - waited;
        const begin = performance.now();
        const why = left < timeouts.silent ? 'slow' : 'silent';
        const next = await this.#within(Math.min(timeouts.silent, left), chunks.next(), why);
        if (next.done) return;
        waited += performance.now() - begin;
        yield next.value;
      }
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ERR_STREAM_PREMATURE_CLOSE') throw error; // otherwise the program was killed
    } finally {
      unfollow?.();
    }
  }

  /** Waits until the program has exited. Must be called after its output has ended. */
  async result(): Promise<ExitResult> {
    await this.#within(EXIT_MS, this.#closed, 'silent');
    if (this.#killed !== undefined) return { killed: this.#killed };
    return { status: this.#child.exitCode ?? 128, errors: this.#errors };
  }

  /** Kills the program and all processes that it has started. */
  kill(): void {
    const { pid } = this.#child;
    if (pid !== undefined && this.#child.exitCode === null && this.#child.signalCode === null) {
      try {
        process.kill(-pid, 'SIGKILL');
      } catch {
        // it has just exited
      }
    }
    // A process that has left the group may still hold the pipes.
    for (const stream of this.#child.stdio) stream?.destroy();
  }

  async #within<T>(ms: number, waiting: Promise<T>, why: 'silent' | 'slow'): Promise<T> {
    // If this thread was busy, output that has arrived in the meantime is read first.
    const late = setTimeout(() => setImmediate(() => over || this.#stop(why)), ms);
    let over = false;
    try {
      return await waiting;
    } finally {
      over = true;
      clearTimeout(late);
    }
  }

  #stop(why: 'silent' | 'slow'): void {
    this.#killed = why;
    this.kill();
  }
}
