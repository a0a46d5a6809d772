/** Pure functions from answers to numbers. What there is no clip for is NaN. Sources: docs/evaluation.md. */

/** How often clips of class [row] were answered with label [column]. */
export type Confusion = number[][];

/** Class and answer of a clip: a row and a column. */
export type Cell = readonly [truth: number, answer: number];

export type Scores = Readonly<Record<string, number>>;

export interface ClassScores {
  clips: number;
  /** NaN where the class was never answered. */
  precision: number;
  recall: number;
  f1: number;
}

export function confusionOf(size: number, cells: Iterable<Cell>): Confusion {
  const matrix = Array.from({ length: size }, () => new Array<number>(size).fill(0));
  for (const [truth, answer] of cells) matrix[truth]![answer]!++;
  return matrix;
}

export function accuracy(matrix: Confusion): number {
  const total = matrix.reduce((all, row) => all + sum(row), 0);
  return matrix.reduce((right, row, i) => right + row[i]!, 0) / total;
}

/** Of each row; `undefined` for classes without clips. */
export function classScores(matrix: Confusion): (ClassScores | undefined)[] {
  return matrix.map((row, i) => {
    const clips = sum(row);
    if (clips === 0) return undefined;
    const right = row[i]!;
    const answered = matrix.reduce((all, other) => all + other[i]!, 0);
    return { clips, precision: right / answered, recall: right / clips, f1: (2 * right) / (clips + answered) };
  });
}

/** Unweighted average recall: the mean over the classes that have clips. */
export function uar(matrix: Confusion): number {
  return mean(classScores(matrix).flatMap((scores) => scores?.recall ?? []));
}

/** The mean F1 of the classes that have clips; one that is never answered has 0. */
export function macroF1(matrix: Confusion): number {
  return mean(classScores(matrix).flatMap((scores) => scores?.f1 ?? []));
}

/** The one of `labels` with the highest score, the first of several. */
export function argmax(scores: Scores, labels: readonly string[]): string {
  return labels.reduce((best, label) => ((scores[label] ?? 0) > (scores[best] ?? 0) ? label : best));
}

/** Clips whose confidence lies above `from` and not above `to`. */
export interface Bin {
  from: number;
  to: number;
  clips: number;
  confidence: number;
  accuracy: number;
}

export interface Calibration {
  ece: number;
  confidence: number;
  accuracy: number;
  nll: number;
  brier: number;
  bins: Bin[];
}

/** Of equal width, as Guo et al. have them. */
export const BINS = 15;

/** How far scores can be read as probabilities. */
export function calibration(clips: readonly { truth: string; emotion: string; scores: Scores }[]): Calibration {
  const heard = clips.map(({ truth, emotion, scores }) => ({
    confidence: scores[emotion] ?? 0,
    right: Number(emotion === truth),
    // A score of 0, which a label has that the model never answers, would make the mean infinite.
    loss: -Math.log(Math.max(scores[truth] ?? 0, Number.EPSILON)),
    brier: sum([...new Set([...Object.keys(scores), truth])].map((l) => ((scores[l] ?? 0) - Number(l === truth)) ** 2)),
  }));
  const bins = Array.from({ length: BINS }, (_, i): Bin => {
    const inside = heard.filter(({ confidence }) => binOf(confidence) === i);
    return {
      from: i / BINS,
      to: (i + 1) / BINS,
      clips: inside.length,
      confidence: mean(inside.map(({ confidence }) => confidence)),
      accuracy: mean(inside.map(({ right }) => right)),
    };
  });
  const filled = bins.filter((bin) => bin.clips > 0);
  return {
    ece: sum(filled.map((bin) => bin.clips * Math.abs(bin.confidence - bin.accuracy))) / heard.length,
    confidence: mean(heard.map(({ confidence }) => confidence)),
    accuracy: mean(heard.map(({ right }) => right)),
    nll: mean(heard.map(({ loss }) => loss)),
    brier: mean(heard.map(({ brier }) => brier)),
    bins,
  };
}

function binOf(confidence: number): number {
  return Math.min(BINS - 1, Math.max(0, Math.ceil(confidence * BINS) - 1));
}

export function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

export function mean(values: readonly number[]): number {
  return sum(values) / values.length;
}

/** Between the two nearest of the sorted values. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  const at = share * (sorted.length - 1);
  const below = sorted[Math.floor(at)] ?? NaN;
  return below + (at - Math.floor(at)) * ((sorted[Math.ceil(at)] ?? NaN) - below);
}
