/** What `emotion2vec compare` counts and shows; clips come one at a time, and may be very many. */
import { count, inColumns } from '../output/text.js';

/** What a model said of a clip. */
export interface Answer {
  file: string;
  emotion: string;
  scores: Readonly<Record<string, number>>;
  embedding: Float32Array;
  /** In the model. */
  seconds: number;
}

/** What a run took. */
export interface Costs {
  precision: string;
  loadSeconds: number;
  peakBytes: number;
  fileBytes: number;
}

/** A run over all clips, beside the first one where there was one. Only that keeps its answers. */
export class Run {
  clips = 0;
  seconds = 0;
  /** Clips of both runs. */
  pairs = 0;
  same = 0;
  /** The largest difference of a score. */
  apart = 0;
  /** The least of the features' cosines. */
  cosine = 1;
  readonly #first: Run | undefined;
  readonly #answers = new Map<string, Answer>();

  constructor(first?: Run) {
    this.#first = first;
  }

  /** Of the clips that were answered. */
  get files(): string[] {
    return [...this.#answers.keys()];
  }

  add(answer: Answer): void {
    this.clips++;
    this.seconds += answer.seconds;
    if (this.#first === undefined) this.#answers.set(answer.file, answer);
    else this.#compare(answer, this.#first.#answers.get(answer.file));
  }

  #compare(answer: Answer, before: Answer | undefined): void {
    if (before === undefined) return;
    this.pairs++;
    if (before.emotion === answer.emotion) this.same++;
    for (const [label, score] of Object.entries(before.scores)) {
      this.apart = Math.max(this.apart, Math.abs(score - answer.scores[label]!));
    }
    this.cosine = Math.min(this.cosine, cosine(before.embedding, answer.embedding));
  }
}

/** Of 80 characters in all. */
const COLUMNS = ['', 'same', 'off by', 'cosine', 'time', 'load', 'memory', 'file'];

/** Runs and what they took, as a table; the first one is what the others are compared with. */
export function table(runs: readonly (readonly [Run, Costs])[]): string {
  const [own, { precision }] = runs[0]!;
  const rows = runs.map(([run, costs]) => row(run, costs, own));
  const about = [
    `${count(own.clips, 'clip')} beside ${precision}; same: with the same emotion`,
    "off by: the largest difference of a score; cosine: the least of the features'",
    'time: of a clip, the mean; memory: the most that the process took',
  ];
  return [...inColumns([COLUMNS, ...rows]), '', ...about, ''].join('\n');
}

function row(run: Run, { precision, loadSeconds, peakBytes, fileBytes }: Costs, own: Run): string[] {
  const beside = run === own ? ['', '', ''] : [`${run.same}/${run.pairs}`, run.apart.toFixed(4), run.cosine.toFixed(5)];
  const faster = run === own ? '' : ` (x${(own.seconds / run.seconds).toFixed(1)})`;
  return [
    precision,
    ...beside,
    `${((1000 * run.seconds) / run.clips).toFixed(0)} ms${faster}`,
    `${loadSeconds.toFixed(2)} s`,
    `${(peakBytes / 1e6).toFixed(0)} MB`,
    `${(fileBytes / 1e6).toFixed(1)} MB`,
  ];
}

function cosine(a: Float32Array, b: Float32Array): number {
  let [ab, aa, bb] = [0, 0, 0];
  for (let i = 0; i < a.length; i++) {
    ab += a[i]! * b[i]!;
    aa += a[i]! * a[i]!;
    bb += b[i]! * b[i]!;
  }
  return ab / Math.sqrt(aa * bb);
}
