/** Runs one precision of `emotion2vec compare` in a process of its own, so that memory and time can be measured separately. */
import { readFileSync } from 'node:fs';

import type { Precision } from '../options/types.js';
import { EmotionRecognizer } from '../recognition/recognizer.js';
import { EmotionError, messageOf, type Problem } from '../shared/errors.js';
import type { ClipResult, Costs } from './compare-table.js';
import { sourceOf } from './inputs.js';

export interface CompareJob {
  archive: string;
  precision: Precision;
  threads: number | undefined;
  files: string[];
}

export type CompareReply =
  | { kind: 'clip'; result: ClipResult }
  | { kind: 'clip-failed'; file: string; problem: Problem }
  | { kind: 'done'; costs: Omit<Costs, 'fileBytes'> }
  | { kind: 'failed'; problem: Problem };

// The parent process was killed, so no process reads the replies.
const exitWithParent = (): void => void process.kill(process.pid, 'SIGKILL');
process.once('disconnect', exitWithParent);
process.once('message', (job: CompareJob) => void work(job));

async function work(job: CompareJob): Promise<void> {
  try {
    reply({ kind: 'done', costs: await inferAll(job) });
  } catch (error) {
    reply({ kind: 'failed', problem: problemOf(error) });
  }
  process.off('disconnect', exitWithParent);
  process.disconnect();
}

async function inferAll({ archive, precision, threads, files }: CompareJob): Promise<Omit<Costs, 'fileBytes'>> {
  const recognizer = new EmotionRecognizer({ model: archive, device: 'cpu', precision, threads });
  const begin = performance.now();
  await recognizer.warmUp();
  const loadSeconds = (performance.now() - begin) / 1000;
  let resolvedPrecision: string = precision;
  for (const file of files) {
    try {
      const { emotion, scores, embedding, timing, model } = await recognizer.recognize(sourceOf(file), {
        embedding: true,
      });
      resolvedPrecision = model.precision;
      const inferenceSeconds = timing.inferenceMs / 1000;
      reply({ kind: 'clip', result: { file, emotion, scores, embedding: embedding!, inferenceSeconds } });
    } catch (error) {
      reply({ kind: 'clip-failed', file, problem: problemOf(error) });
    }
  }
  await recognizer.close();
  return { loadSeconds, peakBytes: peakBytes(), precision: resolvedPrecision };
}

/** Errors lose their class and their code on the way to another process. */
function problemOf(error: unknown): Problem {
  if (!(error instanceof EmotionError)) return { code: 'ERR_MODEL_RUN', what: messageOf(error) };
  const { code, what, remedy } = error;
  return { code, what, remedy };
}

function reply(message: CompareReply): void {
  process.send!(message);
}

function peakBytes(): number {
  return 1024 * Number(/VmHWM:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'latin1'))?.[1]);
}
