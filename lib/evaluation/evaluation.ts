import { bootstrap, DRAWS, type Estimate } from './bootstrap.js';
import { groupBy } from './group-by.js';
import { groupsOf, type GroupTable } from './groups.js';
import { type Listeners, listenersOf } from './listeners.js';
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

/** A labelled clip that the model has heard. */
export interface HeardClip {
  file: string;
  truth: string;
  emotion: string;
  confidence: number;
  scores: Scores;
  /** Of the labels file. */
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
  /** Where the labels file tells them. */
  speakers: number | undefined;
  /** What the intervals are drawn from. */
  bootstrap: { units: 'speakers' | 'clips'; draws: number };
  /** Of the data, in the model's order. */
  classes: string[];
  /** Any label may win. */
  overall: Summary;
  /** Only classes of the data may win, as papers compute it. */
  amongClasses: Summary;
  perClass: Record<string, ClassScores>;
  /** Rows and columns are all labels of the model. */
  confusion: { labels: string[]; counts: Confusion };
  calibration: Calibration;
  listeners: Listeners | undefined;
  groups: GroupTable[];
}

/**
 * Everything that is measured of clips as they are.
 * @param labels of the model, in its order
 * @param columns by which clips are grouped
 */
export function evaluate(
  clips: readonly HeardClip[],
  labels: readonly string[],
  columns: readonly string[],
): Evaluation {
  const place = new Map(labels.map((label, i) => [label, i]));
  const cell = (truth: string, answer: string): Cell => [place.get(truth)!, place.get(answer)!];
  const present = new Set(clips.map(({ truth }) => truth));
  const classes = labels.filter((label) => present.has(label));
  // A class that the model never answers has no score, so it cannot win here either.
  const scored = Object.keys(clips[0]?.scores ?? {});
  const possible = scored.filter((label) => present.has(label));
  const among = possible.length > 0 ? possible : scored;

  const own = clips.map(({ truth, emotion }) => cell(truth, emotion));
  const restricted = clips.map(({ truth, scores }) => cell(truth, argmax(scores, among)));
  const speakers = new Set(clips.flatMap(({ columns }) => columns['speaker'] || []));
  // One speaker, drawn again and again, would make intervals of no width.
  const bySpeaker = speakers.size > 1;
  const unitOf = (clip: HeardClip): string => (bySpeaker && clip.columns['speaker']) || `clip ${clip.file}`;
  const summary = (cells: readonly Cell[]): Summary =>
    bootstrap(labels.length, unitsOf(cells, clips.map(unitOf)), { accuracy, uar, macroF1 });

  const counts = confusionOf(labels.length, own);
  const perClass = classScores(counts).flatMap((scores, i) => (scores ? [[labels[i]!, scores] as const] : []));
  const scoreGroup = (members: readonly HeardClip[]) => {
    const matrix = confusionOf(
      labels.length,
      members.map(({ truth, emotion }) => cell(truth, emotion)),
    );
    return { clips: members.length, accuracy: accuracy(matrix), uar: uar(matrix) };
  };
  return {
    clips: clips.length,
    speakers: speakers.size > 0 ? speakers.size : undefined,
    bootstrap: { units: bySpeaker ? 'speakers' : 'clips', draws: DRAWS },
    classes,
    overall: summary(own),
    amongClasses: summary(restricted),
    perClass: Object.fromEntries(perClass),
    confusion: { labels: [...labels], counts },
    calibration: calibration(clips),
    listeners: listenersOf(clips),
    groups: columns.map((column) => groupsOf(clips, column, scoreGroup)),
  };
}

function unitsOf(cells: readonly Cell[], names: readonly string[]): Cell[][] {
  const units = groupBy(cells.keys(), (i) => names[i]!);
  return [...units.values()].map((unit) => unit.map((i) => cells[i]!));
}
