import { stat } from 'node:fs/promises';
import path from 'node:path';

import { ENCODINGS, ffmpegEncoders } from '../evaluation/codecs.js';
import { type EvaluatedClip, evaluate } from '../evaluation/evaluation.js';
import { DEFAULT_GROUPS } from '../evaluation/groups.js';
import { LabelVocabulary, type Mapping } from '../evaluation/label-vocabulary.js';
import { type LabelFile, labelRows, readLabelFile } from '../evaluation/labels.js';
import { type MatchedFiles, matchFiles } from '../evaluation/match-files.js';
import { perturbationsAt } from '../evaluation/perturbations.js';
import { report } from '../evaluation/report.js';
import { measureRobustness, type Robustness } from '../evaluation/robustness.js';
import { openEmotionArchive } from '../model/emotion-archive.js';
import { resolveModel } from '../model/manifest.js';
import { InvalidOptionsError } from '../options/parse.js';
import { makeFolder } from '../output/folder.js';
import { formatCount } from '../output/text.js';
import { EmotionRecognizer } from '../recognition/recognizer.js';
import type { RecognitionResult } from '../recognition/result.js';
import { EmotionError } from '../shared/errors.js';
import { shown } from '../shared/text.js';
import { describeError } from './describe-error.js';
import { writeEvaluation } from './evaluation-folder.js';
import { EXIT } from './exit-status.js';
import { expandInputs } from './inputs.js';
import { type PlacementFlags, placementOptions } from './placement.js';
import { withProgress } from './progress.js';
import { prepare } from './setup.js';

export interface EvaluateFlags extends PlacementFlags {
  labels: string;
  audio: string;
  output?: string;
  group?: string[];
  map?: Mapping;
  robustness?: boolean;
}

/** Names of the rows and files that are not evaluated, by reason. */
type Excluded = Omit<MatchedFiles, 'clips' | 'unlabeled'> & { withoutEmotion: string[]; byMap: string[] };

interface FailedClip {
  file: string;
  message: string;
}

/** Maximum number of names in a line on stderr. evaluation.json lists all of them. */
const MAX_NAMES = 3;

/**
 * `emotion2vec evaluate`: measures a model on labeled clips. Prints tables and, with `output`, writes JSON and figures.
 * Returns the exit status, which is a failure if clips are missing or failed.
 */
export async function runEvaluate(model: string, flags: EvaluateFlags): Promise<number> {
  const { labels, audio, output, map = [] } = flags;
  const archive = resolveModel(model);
  await using recognizer = new EmotionRecognizer({ model: archive, ...placementOptions(flags) });
  // Wrong arguments are reported before minutes of building.
  const { card } = await openEmotionArchive(archive);
  const vocabulary = new LabelVocabulary(card, map);
  const table = await readLabelFile(labels);
  const columns = groupColumns(table, flags.group);
  const { rows, withoutEmotion, excludedByMap: byMap } = labelRows(table, vocabulary);
  const {
    clips: matched,
    unlabeled,
    ...unmatched
  } = matchFiles(rows, await listAudio(audio), [...withoutEmotion, ...byMap]);
  if (output !== undefined) await makeFolder(output);
  const excluded: Excluded = { ...unmatched, withoutEmotion, byMap };
  reportExcluded(excluded, unlabeled);
  const unpredictable = vocabulary.unused.filter((label) => matched.some(({ row }) => row.truth === label));
  if (unpredictable.length > 0) {
    console.error(`The model never outputs ${unpredictable.join(', ')}. Their recall is 0.`);
  }
  if (matched.length === 0) {
    console.error(`None of the clips in ${shown(labels)} is in ${shown(audio)}`);
    return EXIT.failure;
  }

  await prepare();
  await recognizer.warmUp(); // a broken model is one error, not an error of every clip
  const { clips, failed, inferredBy } = await inferAll(recognizer, matched, audio);
  if (inferredBy === undefined) return EXIT.failure;
  const robustness = flags.robustness
    ? await inferPerturbed(clips, { recognizer, folder: audio, sampleRate: card.sampleRate, labels: vocabulary.labels })
    : undefined;
  const evaluation = evaluate(clips, vocabulary.labels, columns);
  const { precision, device } = inferredBy;
  const heading = { name: card.name, version: card.version, precision, device };
  process.stdout.write(report(heading, evaluation, robustness));
  if (output !== undefined) {
    const source = { labels, audio, rows: table.rows.length };
    const written = await writeEvaluation(output, {
      heading,
      source,
      excluded: { ...excluded, failed },
      unlabeled,
      evaluation,
      robustness,
      clips,
    });
    console.log(`\n${output}: ${written.join(', ')}`);
  }
  const lost = [excluded.missing, excluded.ambiguous, excluded.repeated, failed, robustness?.failures ?? []];
  return lost.some(({ length }) => length > 0) ? EXIT.failure : EXIT.success;
}

function groupColumns({ path: file, columns }: LabelFile, requested: string[] | undefined): string[] {
  const unknown = requested?.find((column) => !columns.includes(column.toLowerCase()));
  if (unknown !== undefined) {
    throw new InvalidOptionsError(
      `--group ${shown(unknown)}: ${shown(file)} has no such column. Its columns: ${shown(columns.join(', '))}`,
    );
  }
  return (
    requested?.map((column) => column.toLowerCase()) ?? DEFAULT_GROUPS.filter((column) => columns.includes(column))
  );
}

/** Lists the audio files below a folder, relative to it. */
async function listAudio(folder: string): Promise<string[]> {
  const found = await stat(folder).catch(() => undefined);
  if (!found?.isDirectory()) {
    const what = found === undefined ? `There is no folder ${shown(folder)}` : `${shown(folder)} is not a folder`;
    throw new EmotionError('ERR_FILE_NOT_FOUND', what, { remedy: 'Use the folder that contains the clips.' });
  }
  const { files, failures } = await expandInputs([folder]);
  if (failures[0] !== undefined) throw failures[0].error;
  return files.map((file) => (file.startsWith('file://') ? file : path.relative(folder, file)));
}

async function inferAll(recognizer: EmotionRecognizer, matched: MatchedFiles['clips'], folder: string) {
  const clips: EvaluatedClip[] = [];
  const failed: FailedClip[] = [];
  let inferredBy: RecognitionResult['model'] | undefined;
  await withProgress(async (progress) => {
    let done = 0;
    for await (const { result, error } of recognizer.recognizeMany(
      matched.map(({ file }) => path.join(folder, file)),
    )) {
      const { file, row } = matched[done]!;
      if (result !== undefined) {
        const { emotion, confidence, scores } = result;
        const { truth, columns, votes } = row;
        clips.push({ file, truth, emotion, confidence, scores, columns, votes });
        inferredBy ??= result.model;
      } else {
        if (!(error instanceof EmotionError)) throw error;
        failed.push({ file, message: describeError(error, false) });
      }
      progress(++done, matched.length);
    }
  });
  reportFailed(failed.map(({ file, message }) => [file, message]));
  return { clips, failed, inferredBy };
}

async function inferPerturbed(
  clips: readonly EvaluatedClip[],
  settings: Omit<Parameters<typeof measureRobustness>[1], 'perturbations' | 'onStep'>,
): Promise<Robustness> {
  const encoders = (await ffmpegEncoders()) ?? new Set();
  const unavailable = new Set(ENCODINGS.flatMap(({ name, encoder }) => (encoders.has(encoder) ? [] : [name])));
  if (unavailable.size > 0) {
    console.error(`${[...unavailable].join(' and ')} skipped: the PATH has no ffmpeg with these encoders`);
  }
  const perturbations = perturbationsAt(settings.sampleRate, encoders);
  const inferences = clips.length * perturbations.length;
  console.error(`${formatCount(clips.length, 'clip')} with ${formatCount(perturbations.length, 'perturbation')} each`);
  const robustness = await withProgress((progress) => {
    let done = 0;
    return measureRobustness(clips, { ...settings, perturbations, onStep: () => progress(++done, inferences) });
  });
  reportFailed(robustness.failures.map(({ file, perturbation, message }) => [`${file} (${perturbation})`, message]));
  return robustness;
}

function reportExcluded(
  { missing, ambiguous, repeated, withoutEmotion, byMap }: Excluded,
  unlabeled: readonly string[],
): void {
  reportNames(missing, 'row', 'without a file');
  reportNames(ambiguous, 'row', 'with a name that several files share');
  reportNames(repeated, 'row', 'with the same file as an earlier row');
  reportNames(withoutEmotion, 'row', 'without an emotion');
  reportNames(byMap, 'row', 'excluded by --map');
  reportNames(unlabeled, 'file', 'without a row');
}

function reportFailed(failed: readonly [name: string, message: string][]): void {
  const names = failed.map(([name]) => name);
  reportNames(names, 'clip', 'failed');
  if (failed.length > 0) console.error(`  first error: ${failed[0]![1]}`);
}

function reportNames(names: readonly string[], noun: string, state: string): void {
  if (names.length === 0) return;
  const listed = names.slice(0, MAX_NAMES).map((name) => shown(name));
  const ellipsis = names.length > MAX_NAMES ? ', ...' : '';
  console.error(`${formatCount(names.length, noun)} ${state}: ${listed.join(', ')}${ellipsis}`);
}
