import { rm, writeFile } from 'node:fs/promises';
import path from 'node:path';

import type { EvaluatedClip, Evaluation } from '../evaluation/evaluation.js';
import { confusionFigure, reliabilityFigure, robustnessFigure } from '../evaluation/figures.js';
import type { ModelHeading } from '../evaluation/report.js';
import type { Robustness } from '../evaluation/robustness.js';
import { EmotionError, messageOf } from '../shared/errors.js';
import { shown } from '../shared/text.js';
import { removeLeftovers, writeWhole } from '../shared/whole-file.js';
import { removePartsOnInterrupt } from './interrupt.js';

export interface EvaluationContent {
  heading: ModelHeading;
  /** The paths as the user gave them, and the number of rows in the labels file. */
  source: { labels: string; audio: string; rows: number };
  excluded: object;
  unlabeled: string[];
  evaluation: Evaluation;
  robustness: Robustness | undefined;
  clips: readonly EvaluatedClip[];
}

const JSON_FILE = 'evaluation.json';

/**
 * Writes evaluation.json and the figures to a folder and returns their names. evaluation.json is written last, so that the folder
 * is complete if it is there.
 * @throws EmotionError ERR_FILE_WRITE
 */
export async function writeEvaluation(folder: string, content: EvaluationContent): Promise<string[]> {
  const { heading, evaluation, robustness } = content;
  const files: Record<string, string | undefined> = {
    'confusion.svg': confusionFigure(heading.name, evaluation),
    'reliability.svg': reliabilityFigure(heading.name, evaluation),
    'robustness.svg': robustness && robustnessFigure(heading.name, robustness),
    [JSON_FILE]: `${JSON.stringify(toJson(content), null, 2)}\n`,
  };
  try {
    await removePartsOnInterrupt(() => writeFiles(folder, files));
  } catch (cause) {
    const what = `The evaluation could not be written to ${shown(folder)}: ${messageOf(cause)}`;
    throw new EmotionError('ERR_FILE_WRITE', what, { cause });
  }
  return Object.keys(files).filter((name) => files[name] !== undefined);
}

function toJson({ heading, source, excluded, unlabeled, evaluation, robustness, clips }: EvaluationContent): object {
  const { clips: evaluated, speakers, ...metrics } = evaluation;
  return {
    model: heading,
    date: new Date().toISOString(),
    labels: source.labels,
    audio: source.audio,
    counts: { rows: source.rows, clips: evaluated, speakers },
    excluded,
    unlabeled,
    ...metrics,
    robustness,
    results: clips.map(({ file, truth, emotion, confidence, scores }) => ({
      file,
      truth,
      emotion,
      confidence,
      scores,
    })),
  };
}

/** A file without content is removed: an earlier run wrote it, and it would not match the new numbers. */
async function writeFiles(folder: string, files: Readonly<Record<string, string | undefined>>): Promise<void> {
  await removeLeftovers(folder, Object.keys(files));
  await rm(path.join(folder, JSON_FILE), { force: true }); // would not match the new figures
  for (const [name, content] of Object.entries(files)) {
    const file = path.join(folder, name);
    if (content === undefined) await rm(file, { force: true });
    else await writeWhole(file, (part) => writeFile(part, content));
  }
}
