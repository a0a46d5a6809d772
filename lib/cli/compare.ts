import { fork } from 'node:child_process';
import { mkdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { resolveModel } from '../model/manifest.js';
import { quantizeArchive } from '../model/quantize.js';
import { EmotionError, hasCode } from '../shared/errors.js';
import { shown } from '../shared/text.js';
import { partOf, removeLeftovers, whileWriting } from '../shared/whole-file.js';
import { type Costs, Run, table } from './compare-table.js';
import type { CompareJob, CompareReply } from './compare-worker.js';
import { describeError } from './describe-error.js';
import { EXIT } from './exit-status.js';
import { expandInputs } from './inputs.js';
import { removePartsOnInterrupt } from './interrupt.js';
import { withProgress } from './progress.js';
import { prepare } from './setup.js';

export interface CompareFlags {
  audio: string[];
  precision: ('bf16' | 'int8')[];
  threads?: number;
}

/** Prefix of the name of the temporary folder for the quantized archives. */
const FOLDER = 'emotion2vec-compare-';

/**
 * `emotion2vec compare`: compares a model in fp32 with lower precisions on the user's own clips and prints a table. Each
 * precision runs from an archive in a process of its own, as in production. Returns the exit status.
 */
export async function runCompare(model: string, { audio, precision, threads }: CompareFlags): Promise<number> {
  const archive = resolveModel(model);
  const { files, failures } = await expandInputs(audio);
  for (const { error } of failures) console.error(describeError(error, false));
  if (files.length === 0) return EXIT.failure;
  await prepare();
  await removeLeftovers(tmpdir(), [FOLDER]);
  const folder = partOf(path.join(tmpdir(), FOLDER));
  const job = { archive, precision: 'fp32', files, threads } as const;
  const runs = await removePartsOnInterrupt(() => whileWriting(folder, () => runPrecisions(job, precision, folder)));
  const reference = runs[0]![0];
  if (reference.clips === 0) return EXIT.failure;
  process.stdout.write(table(runs));
  return failures.length > 0 || reference.clips < files.length ? EXIT.failure : EXIT.success;
}

type CostedRun = readonly [Run, Costs];

async function runPrecisions(
  job: CompareJob,
  precisions: CompareFlags['precision'],
  folder: string,
): Promise<CostedRun[]> {
  await mkdir(folder, { mode: 0o700 });
  const reference = new Run();
  const runs: CostedRun[] = [[reference, await runInProcess(job, reference)]];
  if (reference.clips === 0) return runs;
  const files = reference.files; // clips that failed once would fail again
  for (const precision of precisions) {
    const archive = path.join(folder, `${precision}.pt`);
    try {
      await quantizeArchive(job.archive, archive, { precision });
    } catch (error) {
      if (!hasCode(error, 'ERR_PRECISION_UNSUPPORTED')) throw error;
      console.error(`${precision} is skipped: ${error.message}`);
      continue;
    }
    const run = new Run(reference);
    runs.push([run, await runInProcess({ ...job, archive, precision, files }, run)]);
    await rm(archive);
  }
  return runs;
}

/** Infers all clips of a job in a process of its own and adds their results to `run`. */
async function runInProcess(job: CompareJob, run: Run): Promise<Costs> {
  const { size: fileBytes } = await stat(job.archive);
  return withProgress(
    (progress) =>
      new Promise<Costs>((resolve, reject) => {
        // With this serialization embeddings stay typed arrays. As numbers in JSON they would take four times the space.
        const child = fork(path.join(__dirname, 'compare-worker.js'), { serialization: 'advanced' });
        let done = 0;
        child.on('message', (reply: CompareReply) => {
          switch (reply.kind) {
            case 'clip':
              run.add(reply.result);
              return progress(++done, job.files.length);
            case 'clip-failed':
              console.error(`${shown(reply.file)}: ${describeError(EmotionError.from(reply.problem), false)}`);
              return progress(++done, job.files.length);
            case 'done':
              return resolve({ ...reply.costs, fileBytes });
            case 'failed':
              return reject(EmotionError.from(reply.problem));
          }
        });
        child.on('error', reject);
        child.on('exit', (code, signal) => {
          const what = `The process that ran ${shown(job.archive)} ended unexpectedly (${signal ?? `status ${code}`})`;
          reject(new EmotionError('ERR_MODEL_RUN', what));
        });
        child.send(job);
      }),
  );
}
