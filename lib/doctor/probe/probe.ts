import { type ChildProcess, fork } from 'node:child_process';
import path from 'node:path';

import type { Problem } from '../../shared/errors.js';
import { problemOf } from '../known.js';
import type { Outcome, ProbeJob, ProbeReply, Stage } from './protocol.js';
import { STAGES } from './stages.js';

export interface ProbeOptions {
  timeoutMs: number;
  /** Variables in addition to those of this process. */
  env?: Record<string, string>;
}

/** Maximum number of characters that are kept of the end of stderr. */
const MAX_STDERR = 4000;
/** Time for which stderr may stay open after a probe has exited. A process that the probe started could keep it open forever. */
const STDERR_MS = 500;

/** Runs `job` in a process of its own. However that process ends, the promise resolves with an outcome. */
export function probe<T>(job: ProbeJob, { timeoutMs, env = {} }: ProbeOptions): Promise<Outcome<T>> {
  return new Promise((resolve) => {
    let stage: Stage = 'start';
    let report: Partial<T> = {};
    let problem: Problem | undefined;
    let stderr = '';
    let hung = false;
    const ended = (status: number | null, signal: string | null): Outcome<T> => {
      if (hung) return { end: 'hung', stage, seconds: timeoutMs / 1000, report };
      if (problem !== undefined) return { end: 'failed', stage, problem, report };
      if (stage === 'exit' && status === 0) return { end: 'done', report: report as T };
      return { end: 'crashed', stage, signal, status, stderr: stderr.trim(), report };
    };

    let child: ChildProcess;
    try {
      child = fork(path.join(__dirname, 'probe-worker.js'), {
        env: { ...process.env, ...env },
        stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      });
    } catch (error) {
      return resolve({ end: 'failed', stage, problem: problemOf(error, STAGES[stage].code), report });
    }
    const kill = (): void => void child.kill('SIGKILL');
    process.once('exit', kill);
    const limit = setTimeout(() => {
      hung = true;
      kill();
    }, timeoutMs);
    let closing: NodeJS.Timeout | undefined;
    const finish = (outcome: Outcome<T>): void => {
      clearTimeout(limit);
      clearTimeout(closing);
      process.off('exit', kill);
      child.stderr?.destroy();
      resolve(outcome);
    };

    child.stderr?.on('data', (chunk: Buffer) => (stderr = (stderr + chunk.toString()).slice(-MAX_STDERR)));
    child.on('message', (reply: ProbeReply) => {
      if (reply.kind === 'stage') stage = reply.stage;
      else if (reply.kind === 'problem') problem = reply.problem;
      else report = { ...report, ...(reply.report as Partial<T>) };
    });
    child.on('error', (error) =>
      finish({ end: 'failed', stage, problem: problemOf(error, STAGES[stage].code), report }),
    );
    child.on('exit', (status, signal) => {
      closing = setTimeout(() => finish(ended(status, signal)), STDERR_MS);
    });
    child.on('close', (status, signal) => {
      // Messages may still arrive after the process has exited, until the channel is closed.
      if (child.connected) child.once('disconnect', () => finish(ended(status, signal)));
      else finish(ended(status, signal));
    });
    child.send(job, () => undefined); // ignored: if the process has exited already, the outcome reports it
  });
}
