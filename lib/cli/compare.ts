import { fork } from 'node:child_process';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { EmotionError } from '../errors.js';
import { quantizeArchive } from '../model/quantize.js';
import { resolveModel } from '../model/manifest.js';
import type { Precision } from '../options.js';
import { count, inColumns } from '../output/text.js';
import type { CompareJob, CompareReply } from './compare-worker.js';
import { expandInputs } from './inputs.js';
import { prepare, withMeter } from './setup.js';
import { shown } from '../text.js';

export interface CompareFlags {
  audio: string[];
  precision: ('bf16' | 'int8')[];
  threads?: number;
}

type Clip = Extract<CompareReply, { kind: 'clip' }>;

/** One precision's run over all clips. */
interface Run {
  precision: string;
  clips: Map<string, Clip>;
  loadSeconds: number;
  peakBytes: number;
  fileBytes: number;
}

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
  const folder = await mkdtemp(path.join(tmpdir(), 'emotion2vec-compare-'));
  const remove = (): void => void rm(folder, { recursive: true, force: true }).finally(() => process.exit(130));
  process.once('SIGINT', remove);
  try {
    const own = await run(archive, 'fp32', files, threads);
    if (own.clips.size === 0) return 1;
    const heard = [...own.clips.keys()]; // what failed was reported, and would fail again
    const runs = [own];
    for (const wanted of precision) {
      const smaller = path.join(folder, `${wanted}.pt`);
      try {
        await quantizeArchive(archive, smaller, { precision: wanted });
      } catch (error) {
        if (!(error instanceof EmotionError) || error.code !== 'ERR_PRECISION_UNSUPPORTED') throw error;
        console.error(`${wanted} is left out: ${error.message}`);
        continue;
      }
      runs.push(await run(smaller, wanted, heard, threads));
      await rm(smaller);
    }
    process.stdout.write(table(runs));
    return failures.length > 0 || own.clips.size < files.length ? 1 : 0;
  } finally {
    process.off('SIGINT', remove);
    await rm(folder, { recursive: true, force: true });
  }
}

async function run(archive: string, precision: Precision, files: string[], threads: number | undefined): Promise<Run> {
  const { size } = await stat(archive);
  const clips = new Map<string, Clip>();
  return withMeter(
    (meter) =>
      new Promise<Run>((resolve, reject) => {
        const child = fork(path.join(__dirname, 'compare-worker.js'));
        let seen = 0;
        child.on('message', (reply: CompareReply) => {
          if (reply.kind === 'clip') clips.set(reply.file, reply);
          if (reply.kind === 'failure') console.error(`${shown(reply.file)}: ${reply.what}`);
          if (reply.kind === 'error')
            reject(new EmotionError('ERR_MODEL_RUN', `${shown(archive)} did not run: ${reply.what}`));
          if (reply.kind === 'done') resolve({ ...reply, clips, fileBytes: size });
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

/** Of 80 characters in all. */
const COLUMNS = ['', 'same', 'off by', 'cosine', 'time', 'load', 'memory', 'file'];

/** The runs as a table; the first one is what the others are compared with. */
export function table(runs: readonly Run[]): string {
  const [own] = runs as [Run];
  const rows = [COLUMNS, ...runs.map((each) => row(each, own))];
  const about = [
    `${count(own.clips.size, 'clip')} beside ${own.precision}; same: with the same emotion`,
    "off by: the largest difference of a score; cosine: the least of the features'",
    'time: of a clip, the mean; memory: the most that the process took',
  ];
  return [...inColumns(rows), '', ...about, ''].join('\n');
}

function row(run: Run, own: Run): string[] {
  const pairs = [...run.clips.values()].flatMap((clip) => {
    const before = own.clips.get(clip.file);
    return before === undefined ? [] : [[before, clip] as const];
  });
  const same = pairs.filter(([a, b]) => a.emotion === b.emotion).length;
  const apart = Math.max(
    0,
    ...pairs.flatMap(([a, b]) => Object.keys(a.scores).map((l) => Math.abs(a.scores[l]! - b.scores[l]!))),
  );
  const least = Math.min(1, ...pairs.map(([a, b]) => cosine(a.embedding, b.embedding)));
  const seconds = total(run) / run.clips.size;
  const faster = total(own) / total(run);
  return [
    run.precision,
    run === own ? '' : `${same}/${pairs.length}`,
    run === own ? '' : apart.toFixed(4),
    run === own ? '' : least.toFixed(5),
    `${(1000 * seconds).toFixed(0)} ms${run === own ? '' : ` (x${faster.toFixed(1)})`}`,
    `${run.loadSeconds.toFixed(2)} s`,
    `${(run.peakBytes / 1e6).toFixed(0)} MB`,
    `${(run.fileBytes / 1e6).toFixed(1)} MB`,
  ];
}

function total({ clips }: Run): number {
  return [...clips.values()].reduce((sum, { seconds }) => sum + seconds, 0);
}

function cosine(a: readonly number[], b: readonly number[]): number {
  let [ab, aa, bb] = [0, 0, 0];
  for (let i = 0; i < a.length; i++) {
    ab += a[i]! * b[i]!;
    aa += a[i]! * a[i]!;
    bb += b[i]! * b[i]!;
  }
  return ab / Math.sqrt(aa * bb);
}
