import { type Annotators, annotatorsOf } from './annotators.js';
import { bootstrap, type Estimate, RESAMPLES } from './bootstrap.js';
import { groupBy } from './group-by.js';
import { groupsOf, type GroupTable } from './groups.js';
import {
  accuracy,
  argmax,
  type Calibration,
  calibration,
  type Cell,
  type ClassScores,
  classScores,
  type Confusion,
  confusionOf,
  macroF1,
  type Scores,
  uar,
} from './metrics.js';

/** A labeled clip and its result. */
export interface EvaluatedClip {
  file: string;
  truth: string;
  emotion: string;
  confidence: number;
  scores: Scores;
  /** The row of the labels file. */
  columns: Readonly<Record<string, string>>;
  votes: Readonly<Record<string, number>> | undefined;
}

export interface Summary {
  accuracy: Estimate;
  uar: Estimate;
  macroF1: Estimate;
}

export interface Evaluation {
  clips: number;
  /** Number of speakers, if the labels file names them. */
  speakers: number | undefined;
  bootstrap: { units: 'speakers' | 'clips'; draws: number };
  /** The classes that occur in the data, in the order of the model. */
  classes: string[];
  /** Predictions over all labels of the model. */
  overall: Summary;
  /** Predictions over the classes that occur in the data, as papers report them. */
  amongClasses: Summary;
  perClass: Record<string, ClassScores>;
  /** Rows and columns are all labels of the model. */
  confusion: { labels: string[]; counts: Confusion };
  calibration: Calibration;
  annotators: Annotators | undefined;
  groups: GroupTable[];
}

/**
 * Computes all metrics of clips that were not perturbed.
 * @param labels labels of the model, in its order
 * @param columns columns to group clips by
 */
export function evaluate(
  clips: readonly EvaluatedClip[],
  labels: readonly string[],
  columns: readonly string[],
): Evaluation {
  const indexOf = new Map(labels.map((label, i) => [label, i]));
  const cell = (truth: string, prediction: string): Cell => [indexOf.get(truth)!, indexOf.get(prediction)!];
  const present = new Set(clips.map(({ truth }) => truth));
  const classes = labels.filter((label) => present.has(label));
  // A class that the model never outputs has no score and cannot be predicted here either.
  const scored = Object.keys(clips[0]?.scores ?? {});
  const scoredClasses = scored.filter((label) => present.has(label));
  const candidates = scoredClasses.length > 0 ? scoredClasses : scored;

  const cells = clips.map(({ truth, emotion }) => cell(truth, emotion));
  const restrictedCells = clips.map(({ truth, scores }) => cell(truth, argmax(scores, candidates)));
  const speakers = new Set(clips.flatMap(({ columns }) => columns['speaker'] || []));
  // With a single speaker, all resamples would be the same and the intervals would have no width.
  const bySpeaker = speakers.size > 1;
  const units = clips.map((clip) => (bySpeaker && clip.columns['speaker']) || `clip ${clip.file}`);
  const summarize = (cells: readonly Cell[]): Summary =>
    bootstrap(labels.length, groupCells(cells, units), { accuracy, uar, macroF1 });

  const counts = confusionOf(labels.length, cells);
  const perClass = classScores(counts).flatMap((scores, i) => (scores ? [[labels[i]!, scores] as const] : []));
  const scoreGroup = (group: readonly EvaluatedClip[]) => {
    const matrix = confusionOf(
      labels.length,
      group.map(({ truth, emotion }) => cell(truth, emotion)),
    );
    return { clips: group.length, accuracy: accuracy(matrix), uar: uar(matrix) };
  };
  return {
    clips: clips.length,
    speakers: speakers.size > 0 ? speakers.size : undefined,
    bootstrap: { units: bySpeaker ? 'speakers' : 'clips', draws: RESAMPLES },
    classes,
    overall: summarize(cells),
    amongClasses: summarize(restrictedCells),
    perClass: Object.fromEntries(perClass),
    confusion: { labels: [...labels], counts },
    calibration: calibration(clips),
    annotators: annotatorsOf(clips),
    groups: columns.map((column) => groupsOf(clips, column, scoreGroup)),
  };
}

/** Groups cells by their bootstrap unit. */
function groupCells(cells: readonly Cell[], units: readonly string[]): Cell[][] {
  const groups = groupBy(cells.keys(), (i) => units[i]!);
  return [...groups.values()].map((group) => group.map((i) => cells[i]!));
}
