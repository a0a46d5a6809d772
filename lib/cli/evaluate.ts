import { rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';

import { EmotionError, messageOf } from '../shared/errors.js';
import { changesAt } from '../evaluation/changes.js';
import { evaluate, type Evaluation, type HeardClip } from '../evaluation/evaluation.js';
import { ENCODINGS, ffmpegEncoders } from '../evaluation/ffmpeg.js';
import { type Matched, matchFiles } from '../evaluation/files.js';
import { GROUPS } from '../evaluation/groups.js';
import { type LabelFile, labelRows, type Mapping, readLabelFile, Words } from '../evaluation/labels.js';
import { confusionPicture, reliabilityPicture, robustnessPicture } from '../evaluation/pictures.js';
import { type Heading, report } from '../evaluation/report.js';
import { type Robustness, robustnessOf } from '../evaluation/robustness.js';
import { openEmotionArchive } from '../model/emotion-archive.js';
import { resolveModel } from '../model/manifest.js';
import { makeFolder } from '../output/folder.js';
import { count } from '../output/text.js';
import { EmotionRecognizer } from '../recognition/recognizer.js';
import { removeLeftovers, writeWhole } from '../shared/whole-file.js';
import { describeError } from './describe-error.js';
import { expandInputs } from './inputs.js';
import { removePartsOnInterrupt } from './interrupt.js';
import { type PlacementFlags, placementOptions } from './placement.js';
import { prepare, withMeter } from './setup.js';
import { shown } from '../shared/text.js';

export interface EvaluateFlags extends PlacementFlags {
  labels: string;
  audio: string;
  output?: string;
  group?: string[];
  map?: Mapping;
  robustness?: boolean;
}

/** What is told beside the numbers, by the names in the labels file. */
interface Left extends Omit<Matched, 'clips' | 'unlabelled'> {
  withoutEmotion: string[];
  byMap: string[];
  failed: { file: string; message: string }[];
}

/** Names that a line on stderr tells; evaluation.json has all. */
const NAMED = 3;

/**
 * `emotion2vec evaluate`: what a model says of labelled clips, as tables and, with `output`, as JSON and pictures. Returns the
 * exit status: 1 where clips are missing or failed.
 */
export async function runEvaluate(model: string, flags: EvaluateFlags): Promise<number> {
  const { labels, audio, output, map = [] } = flags;
  const archive = resolveModel(model);
  await using recognizer = new EmotionRecognizer({ model: archive, ...placementOptions(flags) });
  // What may be wrong is told before minutes of building.
  const { card } = await openEmotionArchive(archive);
  const words = new Words(card, map);
  const table = await readLabelFile(labels);
  const columns = groupColumns(table, flags.group);
  const { rows, empty, leftOut } = labelRows(table, words);
  const {
    clips: matched,
    unlabelled,
    ...unmatched
  } = matchFiles(rows, await filesBelow(audio), [...empty, ...leftOut]);
  if (output !== undefined) await makeFolder(output);
  const left: Left = { ...unmatched, withoutEmotion: empty, byMap: leftOut, failed: [] };
  tellLeft(left, unlabelled);
  const unheard = words.unused.filter((label) => matched.some(({ row }) => row.truth === label));
  if (unheard.length > 0) console.error(`The model never answers ${unheard.join(', ')}: the recall of such clips is 0`);
  if (matched.length === 0) {
    console.error(`No clip of ${labels} is in ${audio}`);
    return 1;
  }

  await prepare();
  await recognizer.warmUp(); // what is wrong with the model is not each clip's fault
  const clips = await hearAll(recognizer, matched, audio, left);
  if (clips.length === 0) return 1;
  const setting = { recognizer, folder: audio, sampleRate: card.sampleRate, labels: words.labels };
  const robustness = flags.robustness ? await changeAll(clips, setting) : undefined;
  const evaluation = evaluate(clips, words.labels, columns);
  const { model: ran } = recognizer.status();
  if (ran.state !== 'loaded') throw new Error('the model was unloaded while it was evaluated');
  const heading = { name: card.name, version: card.version, precision: ran.precision, device: ran.device };
  process.stdout.write(report(heading, evaluation, robustness));
  if (output !== undefined) {
    const { clips: evaluated, speakers, ...measured } = evaluation;
    const counts = { rows: table.rows.length, clips: evaluated, speakers };
    const about = { model: heading, date: new Date().toISOString(), labels, audio, counts };
    const results = clips.map(({ file, truth, emotion, confidence, scores }) => ({
      file,
      truth,
      emotion,
      confidence,
      scores,
    }));
    const json = { ...about, left, unlabelled, ...measured, robustness, results };
    const images = pictures(heading, evaluation, robustness);
    const written = await removePartsOnInterrupt(() => store(output, json, images));
    console.log(`\n${output}: ${written.join(', ')}`);
  }
  const lost = [left.missing, left.ambiguous, left.repeated, left.failed, robustness?.failures ?? []];
  return lost.some(({ length }) => length > 0) ? 1 : 0;
}

function groupColumns({ path: file, columns }: LabelFile, wanted: string[] | undefined): string[] {
  const strange = wanted?.find((column) => !columns.includes(column.toLowerCase()));
  if (strange !== undefined)
    throw new TypeError(
      `--group ${shown(strange)}: ${shown(file)} has no such column; it has: ${shown(columns.join(', '))}`,
    );
  return wanted?.map((column) => column.toLowerCase()) ?? GROUPS.filter((column) => columns.includes(column));
}

/** Audio files, relative to the folder. */
async function filesBelow(folder: string): Promise<string[]> {
  const found = await stat(folder).catch(() => undefined);
  if (!found?.isDirectory()) {
    const what = found === undefined ? `There is no folder ${shown(folder)}` : `${shown(folder)} is no folder`;
    throw new EmotionError('ERR_FILE_NOT_FOUND', what, { remedy: 'Give the folder that the clips are in.' });
  }
  const { files, failures } = await expandInputs([folder]);
  if (failures[0] !== undefined) throw failures[0].error;
  return files.map((file) => (file.startsWith('file://') ? file : path.relative(folder, file)));
}

function tellLeft({ missing, ambiguous, repeated, withoutEmotion, byMap }: Left, unlabelled: string[]): void {
  tell(missing, 'row', 'without a file');
  tell(ambiguous, 'row', 'with a name that several files have');
  tell(repeated, 'row', 'with the file of an earlier row');
  tell(withoutEmotion, 'row', 'without an emotion');
  tell(byMap, 'row', 'left out by --map');
  tell(unlabelled, 'file', 'without a row');
}

function tell(names: readonly string[], what: string, how: string): void {
  if (names.length === 0) return;
  const more = names.length > NAMED ? ', ...' : '';
  console.error(
    `${count(names.length, what)} ${how}: ${names
      .slice(0, NAMED)
      .map((name) => shown(name))
      .join(', ')}${more}`,
  );
}

async function hearAll(
  recognizer: EmotionRecognizer,
  matched: Matched['clips'],
  folder: string,
  { failed }: Left,
): Promise<HeardClip[]> {
  const clips: HeardClip[] = [];
  await withMeter(async (meter) => {
    const outcomes = recognizer.recognizeMany(matched.map(({ file }) => path.join(folder, file)));
    let i = 0;
    for await (const { result, error } of outcomes) {
      const { file, row } = matched[i]!;
      if (result !== undefined) {
        const { emotion, confidence, scores } = result;
        const { truth, columns, votes } = row;
        clips.push({ file, truth, emotion, confidence, scores, columns, votes });
      } else {
        if (!(error instanceof EmotionError)) throw error;
        failed.push({ file, message: describeError(error, false) });
      }
      meter((100 * ++i) / matched.length);
    }
  });
  tellFailed(failed.map(({ file, message }) => [file, message]));
  return clips;
}

async function changeAll(
  clips: readonly HeardClip[],
  setting: Omit<Parameters<typeof robustnessOf>[1], 'changes' | 'step'>,
): Promise<Robustness> {
  const encoders = (await ffmpegEncoders()) ?? new Set();
  const lacking = new Set(ENCODINGS.flatMap(({ name, encoder }) => (encoders.has(encoder) ? [] : [name])));
  if (lacking.size > 0) console.error(`${[...lacking].join(' and ')} left out: no ffmpeg on the PATH that encodes it`);
  const changes = changesAt(setting.sampleRate, encoders);
  console.error(`The same ${count(clips.length, 'clip')} with ${count(changes.length, 'change')}`);
  const robustness = await withMeter((meter) => {
    let done = 0;
    const step = (): void => meter((100 * ++done) / (clips.length * changes.length));
    return robustnessOf(clips, { ...setting, changes, step });
  });
  tellFailed(robustness.failures.map(({ file, change, message }) => [`${file} (${change})`, message]));
  return robustness;
}

function tellFailed(failed: readonly [name: string, message: string][]): void {
  tell(
    failed.map(([name]) => name),
    'clip',
    'not recognised',
  );
  if (failed.length > 0) console.error(`  the first: ${failed[0]![1]}`);
}

function pictures({ name }: Heading, evaluation: Evaluation, robustness: Robustness | undefined) {
  return {
    'confusion.svg': confusionPicture(name, evaluation),
    'reliability.svg': reliabilityPicture(name, evaluation),
    'robustness.svg': robustness && robustnessPicture(name, robustness),
  };
}

/** A picture that was not made now, of an earlier run, goes: it would lie beside numbers that it does not show. */
async function store(folder: string, json: object, images: Record<string, string | undefined>): Promise<string[]> {
  const texts = { ...images, 'evaluation.json': `${JSON.stringify(json, null, 2)}\n` }; // last: with it the folder is whole
  try {
    await removeLeftovers(folder, Object.keys(texts));
    await rm(path.join(folder, 'evaluation.json'), { force: true }); // of an earlier run: not beside the new pictures
    for (const [name, content] of Object.entries(texts)) {
      const file = path.join(folder, name);
      if (content === undefined) await rm(file, { force: true });
      else await writeWhole(file, (part) => writeFile(part, content));
    }
    return Object.keys(texts).filter((name) => texts[name as keyof typeof texts] !== undefined);
  } catch (cause) {
    throw new EmotionError(
      'ERR_FILE_WRITE',
      `The evaluation could not be written to ${shown(folder)}: ${messageOf(cause)}`,
      {
        cause,
      },
    );
  }
}
