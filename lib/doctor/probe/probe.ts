import { type ChildProcess, fork } from 'node:child_process';
import path from 'node:path';

import { type Problem, problemOf } from '../finding.js';
import type { Outcome, ProbeJob, ProbeReply, Stage } from './protocol.js';

export interface ProbeOptions {
  timeoutMs: number;
  /** Besides this process's own. */
  env?: Record<string, string>;
}

/** Of what a probe writes to stderr, the end is kept: characters. */
const WORDS = 4000;
/** After the end of a probe, how long its last words may take: what it had started may hold stderr open for ever. */
const LAST_WORDS_MS = 500;

/** Sends a process ahead that does `job`; however it ends, that is an outcome. */
export function probe<T>(job: ProbeJob, { timeoutMs, env = {} }: ProbeOptions): Promise<Outcome<T>> {
  return new Promise((resolve) => {
    let stage: Stage = 'start';
    let report: Partial<T> = {};
    let problem: Problem | undefined;
    let words = '';
    let hung = false;
    const ended = (status: number | null, signal: string | null): Outcome<T> => {
      if (hung) return { end: 'hung', stage, seconds: timeoutMs / 1000, report };
      if (problem !== undefined) return { end: 'failed', stage, problem, report };
      if (stage === 'exit' && status === 0) return { end: 'done', report: report as T };
      return { end: 'crashed', stage, signal, status, words: words.trim(), report };
    };

    let child: ChildProcess;
    try {
      child = fork(path.join(__dirname, 'probe-worker.js'), {
        env: { ...process.env, ...env },
        stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      });
    } catch (error) {
      return resolve({ end: 'failed', stage, problem: problemOf(error), report });
    }
    const kill = (): void => void child.kill('SIGKILL');
    process.once('exit', kill);
    const limit = setTimeout(() => {
      hung = true;
      kill();
    }, timeoutMs);
    let lastWords: NodeJS.Timeout | undefined;
    const finish = (outcome: Outcome<T>): void => {
      clearTimeout(limit);
      clearTimeout(lastWords);
      process.off('exit', kill);
      child.stderr?.destroy();
      resolve(outcome);
    };

    child.stderr?.on('data', (chunk: Buffer) => (words = (words + chunk.toString()).slice(-WORDS)));
    child.on('message', (reply: ProbeReply) => {
      if (reply.kind === 'stage') stage = reply.stage;
      else if (reply.kind === 'problem') problem = reply.problem;
      else report = { ...report, ...(reply.report as Partial<T>) };
    });
    child.on('error', (error) => finish({ end: 'failed', stage, problem: problemOf(error), report }));
    child.on('exit', (status, signal) => {
      lastWords = setTimeout(() => finish(ended(status, signal)), LAST_WORDS_MS);
    });
    child.on('close', (status, signal) => {
      // Messages may still come after its end, until the channel is closed.
      if (child.connected) child.once('disconnect', () => finish(ended(status, signal)));
      else finish(ended(status, signal));
    });
    child.send(job, () => undefined); // where it is gone already, its end tells
  });
}
