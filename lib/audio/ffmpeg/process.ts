import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Readable } from 'node:stream';

import { onAbort } from '../../shared/abort.js';

/** Milliseconds that a program may be silent, before its first output too, and that it may be waited for altogether. */
export const PATIENCE = { silent: 20_000, total: 600_000 };
/** After its output has ended. */
const ENDING_MS = 2000;
/** Of address space: ffmpeg takes 300 MB, nearly all of it libraries. */
const MEMORY_KB = 2 ** 20;
/** Of its standard error: what comes last says why it failed. */
const KEPT_ERRORS = 4096;

/** What it reads, in its own words: the descriptor that it inherits. No name of a file can be taken for something else. */
export const INPUT = 'file:/proc/self/fd/4';

/**
 * Runs a program within limits, and kills it when descriptor 3 is closed. Its other end is ours: the system closes that when
 * this thread or process ends, however it ends. The program may write no file.
 */
const GUARD = `
ulimit -v ${MEMORY_KB}; ulimit -t ${PATIENCE.total / 1000}; ulimit -c 0; ulimit -f 0
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

/** How it ended: its exit status, or why it was killed. */
export type Ending = { status: number; errors: string } | { killed: 'silent' | 'slow' };

/** A program that writes samples to its standard output, for as long as somebody reads them. */
export class GuardedProcess {
  readonly #child: ChildProcess;
  readonly #output: Readable;
  readonly #closed: Promise<unknown>;
  #errors = '';
  #killed: 'silent' | 'slow' | undefined;

  /**
   * @param input descriptor of what it reads as `INPUT`; may be closed at once
   * @throws what spawn does
   */
  static async start(program: string, args: readonly string[], input: number): Promise<GuardedProcess> {
    const { FFREPORT: _, ...env } = process.env; // would have it write a log, and die of it
    const child = spawn('/bin/sh', ['-c', GUARD, 'sh', program, ...args], {
      stdio: ['ignore', 'pipe', 'pipe', 'pipe', input],
      detached: true, // a group of its own, which can be killed as one
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
    child.on('error', () => undefined); // `start` has it
    (child.stdio[3] as Readable).on('error', () => undefined);
    child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      this.#errors = (this.#errors + text).slice(-KEPT_ERRORS);
    });
  }

  /** Its output as it comes. Ends early where the signal aborts or a limit is reached. */
  async *output(signal: AbortSignal | undefined, patience = PATIENCE): AsyncGenerator<Buffer, void, undefined> {
    const unfollow = signal && onAbort(signal, () => this.kill());
    const chunks = this.#output[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
    let waited = 0; // the time that its reader takes is not its own
    try {
      for (;;) {
        const left = patience.total - waited;
        const begin = performance.now();
        const why = left < patience.silent ? 'slow' : 'silent';
        const next = await this.#within(Math.min(patience.silent, left), chunks.next(), why);
        if (next.done) return;
        waited += performance.now() - begin;
        yield next.value;
      }
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ERR_STREAM_PREMATURE_CLOSE') throw error; // it was killed
    } finally {
      unfollow?.();
    }
  }

  /** After its output. */
  async end(): Promise<Ending> {
    await this.#within(ENDING_MS, this.#closed, 'silent');
    if (this.#killed !== undefined) return { killed: this.#killed };
    return { status: this.#child.exitCode ?? 128, errors: this.#errors };
  }

  /** Ends it and all that it has started. */
  kill(): void {
    const { pid } = this.#child;
    if (pid !== undefined && this.#child.exitCode === null && this.#child.signalCode === null) {
      try {
        process.kill(-pid, 'SIGKILL');
      } catch {
        // it has ended just now
      }
    }
    // something that has left the group may still hold the pipes
    for (const stream of this.#child.stdio) stream?.destroy();
  }

  async #within<T>(ms: number, waiting: Promise<T>, why: 'silent' | 'slow'): Promise<T> {
    // Where this thread was busy, what the program has written since is read first.
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
