/** Runs in a process of its own, so that its memory and its time are one precision's alone. See compare.ts for the other side. */
import { readFileSync } from 'node:fs';

import { messageOf } from '../shared/errors.js';
import type { Precision } from '../options/types.js';
import { EmotionRecognizer } from '../recognition/recognizer.js';
import type { Answer, Costs } from './compare-table.js';
import { sourceOf } from './inputs.js';

export interface CompareJob {
  archive: string;
  precision: Precision;
  threads: number | undefined;
  files: string[];
}

export type CompareReply =
  | ({ kind: 'clip' } & Answer)
  | { kind: 'failure'; file: string; what: string }
  | ({ kind: 'done' } & Omit<Costs, 'fileBytes'>)
  | { kind: 'error'; what: string };

// Nobody is left to read what would come: who started this was killed.
const abandoned = (): void => void process.kill(process.pid, 'SIGKILL');
process.once('disconnect', abandoned);
process.once('message', (job: CompareJob) => void work(job));

async function work({ archive, precision, threads, files }: CompareJob): Promise<void> {
  try {
    const recognizer = new EmotionRecognizer({ model: archive, device: 'cpu', precision, threads });
    const begin = performance.now();
    await recognizer.warmUp();
    const loadSeconds = (performance.now() - begin) / 1000;
    let ran: string = precision;
    for (const file of files) {
      try {
        const { emotion, scores, embedding, timing, model } = await recognizer.recognize(sourceOf(file), {
          embedding: true,
        });
        ran = model.precision;
        reply({ kind: 'clip', file, emotion, scores, embedding: embedding!, seconds: timing.inferenceMs / 1000 });
      } catch (error) {
        reply({ kind: 'failure', file, what: messageOf(error) });
      }
    }
    await recognizer.close();
    reply({ kind: 'done', loadSeconds, peakBytes: peakBytes(), precision: ran });
  } catch (error) {
    reply({ kind: 'error', what: messageOf(error) });
  }
  process.off('disconnect', abandoned);
  process.disconnect();
}

function reply(message: CompareReply): void {
  process.send!(message);
}

function peakBytes(): number {
  return 1024 * Number(/VmHWM:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'latin1'))?.[1]);
}
