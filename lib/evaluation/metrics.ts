/** Metrics as pure functions of predictions. A metric without clips is NaN. Sources: docs/guide/evaluation.md. */

/** Confusion matrix: the number of clips of class [row] for which label [column] was predicted. */
export type Confusion = number[][];

/** The true class of a clip and its predicted label: row and column of the confusion matrix. */
export type Cell = readonly [truth: number, prediction: number];

export type Scores = Readonly<Record<string, number>>;

export interface ClassScores {
  clips: number;
  /** NaN if the class was never predicted. */
  precision: number;
  recall: number;
  f1: number;
}

export function confusionOf(size: number, cells: Iterable<Cell>): Confusion {
  const matrix = Array.from({ length: size }, () => new Array<number>(size).fill(0));
  for (const [truth, prediction] of cells) matrix[truth]![prediction]!++;
  return matrix;
}

export function accuracy(matrix: Confusion): number {
  const total = matrix.reduce((all, row) => all + sum(row), 0);
  return matrix.reduce((correct, row, i) => correct + row[i]!, 0) / total;
}

/** Returns the scores of each class; `undefined` for classes without clips. */
export function classScores(matrix: Confusion): (ClassScores | undefined)[] {
  return matrix.map((row, i) => {
    const clips = sum(row);
    if (clips === 0) return undefined;
    const correct = row[i]!;
    const predicted = matrix.reduce((all, other) => all + other[i]!, 0);
    return { clips, precision: correct / predicted, recall: correct / clips, f1: (2 * correct) / (clips + predicted) };
  });
}

/** Unweighted average recall (UAR): the mean recall of the classes that have clips. */
export function uar(matrix: Confusion): number {
  return mean(classScores(matrix).flatMap((scores) => scores?.recall ?? []));
}

/** Macro-averaged F1: the mean F1 of the classes that have clips. The F1 of a class that is never predicted is 0. */
export function macroF1(matrix: Confusion): number {
  return mean(classScores(matrix).flatMap((scores) => scores?.f1 ?? []));
}

/** Returns the label with the highest score. If several labels share it, the first one is returned. */
export function argmax(scores: Scores, labels: readonly string[]): string {
  return labels.reduce((best, label) => ((scores[label] ?? 0) > (scores[best] ?? 0) ? label : best));
}

/** The clips whose confidence is above `from` and at most `to`. */
export interface Bin {
  from: number;
  to: number;
  clips: number;
  /** Mean confidence. */
  confidence: number;
  accuracy: number;
}

export interface Calibration {
  /** Expected calibration error. */
  ece: number;
  /** Mean confidence. */
  confidence: number;
  accuracy: number;
  /** Mean negative log-likelihood of the true labels. */
  nll: number;
  /** Mean Brier score over all labels, 0 to 2. */
  brier: number;
  bins: Bin[];
}

/** Number of bins, of equal width, as in Guo et al. */
export const BINS = 15;

/** Measures how well scores can be read as probabilities. */
export function calibration(clips: readonly { truth: string; emotion: string; scores: Scores }[]): Calibration {
  const predictions = clips.map(({ truth, emotion, scores }) => ({
    confidence: scores[emotion] ?? 0,
    correct: Number(emotion === truth),
    // A label that the model never outputs has a score of 0, which would make the mean infinite.
    loss: -Math.log(Math.max(scores[truth] ?? 0, Number.EPSILON)),
    brier: sum([...new Set([...Object.keys(scores), truth])].map((l) => ((scores[l] ?? 0) - Number(l === truth)) ** 2)),
  }));
  const bins = Array.from({ length: BINS }, (_, i): Bin => {
    const members = predictions.filter(({ confidence }) => binOf(confidence) === i);
    return {
      from: i / BINS,
      to: (i + 1) / BINS,
      clips: members.length,
      confidence: mean(members.map(({ confidence }) => confidence)),
      accuracy: mean(members.map(({ correct }) => correct)),
    };
  });
  const filled = bins.filter((bin) => bin.clips > 0);
  return {
    ece: sum(filled.map((bin) => bin.clips * Math.abs(bin.confidence - bin.accuracy))) / predictions.length,
    confidence: mean(predictions.map(({ confidence }) => confidence)),
    accuracy: mean(predictions.map(({ correct }) => correct)),
    nll: mean(predictions.map(({ loss }) => loss)),
    brier: mean(predictions.map(({ brier }) => brier)),
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

/** Returns a quantile, interpolated linearly between the two nearest values. */
export function quantile(values: readonly number[], probability: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  const at = probability * (sorted.length - 1);
  const below = sorted[Math.floor(at)] ?? NaN;
  return below + (at - Math.floor(at)) * ((sorted[Math.ceil(at)] ?? NaN) - below);
}
