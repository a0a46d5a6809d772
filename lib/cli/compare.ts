import { fork } from 'node:child_process';
import { mkdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { EmotionError } from '../shared/errors.js';
import { quantizeArchive } from '../model/quantize.js';
import { resolveModel } from '../model/manifest.js';
import type { Precision } from '../options/types.js';
import { partOf, removeLeftovers, whileWriting } from '../shared/whole-file.js';
import { type Costs, Run, table } from './compare-table.js';
import type { CompareJob, CompareReply } from './compare-worker.js';
import { expandInputs } from './inputs.js';
import { removePartsOnInterrupt } from './interrupt.js';
import { prepare, withMeter } from './setup.js';
import { shown } from '../shared/text.js';

export interface CompareFlags {
  audio: string[];
  precision: ('bf16' | 'int8')[];
  threads?: number;
}

/** The name of the folder of the smaller archives, without the part that says which process it belongs to. */
const FOLDER = 'emotion2vec-compare-';

/**
 * `emotion2vec compare`: a model in fp32 beside smaller ones on the user's own clips, as a table. Each runs from an archive
 * and in a process of its own, as it would in use. Returns the exit status: 1 where clips failed.
 */
export async function runCompare(model: string, { audio, precision, threads }: CompareFlags): Promise<number> {
  const archive = resolveModel(model);
  const { files, failures } = await expandInputs(audio);
  for (const { error } of failures) console.error(error.message);
  if (files.length === 0) return 1;
  await prepare();
  await removeLeftovers(tmpdir(), [FOLDER]);
  const folder = partOf(path.join(tmpdir(), FOLDER));
  return removePartsOnInterrupt(() =>
    whileWriting(folder, async () => {
      await mkdir(folder, { mode: 0o700 });
      const own = new Run();
      const runs = [[own, await run(own, archive, 'fp32', files, threads)] as const];
      if (own.clips === 0) return 1;
      for (const wanted of precision) {
        const smaller = path.join(folder, `${wanted}.pt`);
        try {
          await quantizeArchive(archive, smaller, { precision: wanted });
        } catch (error) {
          if (!(error instanceof EmotionError) || error.code !== 'ERR_PRECISION_UNSUPPORTED') throw error;
          console.error(`${wanted} is left out: ${error.message}`);
          continue;
        }
        const other = new Run(own);
        runs.push([other, await run(other, smaller, wanted, own.files, threads)]); // what failed would fail again
        await rm(smaller);
      }
      process.stdout.write(table(runs));
      return failures.length > 0 || own.clips < files.length ? 1 : 0;
    }),
  );
}

/** Fills `into` with what a process of its own says of the clips. */
async function run(
  into: Run,
  archive: string,
  precision: Precision,
  files: string[],
  threads: number | undefined,
): Promise<Costs> {
  const { size } = await stat(archive);
  return withMeter(
    (meter) =>
      new Promise<Costs>((resolve, reject) => {
        // Features stay typed arrays on their way: as numbers in JSON they take four times as much.
        const child = fork(path.join(__dirname, 'compare-worker.js'), { serialization: 'advanced' });
        let seen = 0;
        child.on('message', (reply: CompareReply) => {
          if (reply.kind === 'clip') into.add(reply);
          if (reply.kind === 'failure') console.error(`${shown(reply.file)}: ${reply.what}`);
          if (reply.kind === 'error')
            reject(new EmotionError('ERR_MODEL_RUN', `${shown(archive)} did not run: ${reply.what}`));
          if (reply.kind === 'done') resolve({ ...reply, fileBytes: size });
          else meter((100 * ++seen) / files.length);
        });
        child.on('error', reject);
        child.on('exit', (code, signal) =>
          reject(new EmotionError('ERR_MODEL_RUN', `The process of ${shown(archive)} ended early (${signal ?? code})`)),
        );
        child.send({ archive, precision, files, threads } satisfies CompareJob);
      }),
  );
}
