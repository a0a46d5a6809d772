/** The measurements of `emotion2vec compare`, and their table. Clips are added one at a time, because there may be very many. */
import { formatCount, inColumns } from '../output/text.js';
import { formatBytes } from '../shared/bytes.js';

/** The result of a clip. */
export interface ClipResult {
  file: string;
  emotion: string;
  scores: Readonly<Record<string, number>>;
  embedding: Float32Array;
  inferenceSeconds: number;
}

/** The time and memory that a run took. */
export interface Costs {
  precision: string;
  loadSeconds: number;
  peakBytes: number;
  fileBytes: number;
}

/** A run over all clips. It is compared with a reference run, if there is one; only the reference keeps its results. */
export class Run {
  clips = 0;
  inferenceSeconds = 0;
  /** Number of clips that both runs have. */
  pairs = 0;
  /** Number of pairs with the same emotion. */
  agreements = 0;
  /** The largest difference between two scores. */
  maxDifference = 0;
  /** The smallest cosine similarity of two embeddings. */
  minCosine = 1;
  readonly #reference: Run | undefined;
  readonly #results = new Map<string, ClipResult>();

  constructor(reference?: Run) {
    this.#reference = reference;
  }

  /** The clips that have a result. */
  get files(): string[] {
    return [...this.#results.keys()];
  }

  add(result: ClipResult): void {
    this.clips++;
    this.inferenceSeconds += result.inferenceSeconds;
    if (this.#reference === undefined) this.#results.set(result.file, result);
    else this.#compare(result, this.#reference.#results.get(result.file));
  }

  #compare(result: ClipResult, reference: ClipResult | undefined): void {
    if (reference === undefined) return;
    this.pairs++;
    if (reference.emotion === result.emotion) this.agreements++;
    for (const [label, score] of Object.entries(reference.scores)) {
      this.maxDifference = Math.max(this.maxDifference, Math.abs(score - result.scores[label]!));
    }
    this.minCosine = Math.min(this.minCosine, cosine(reference.embedding, result.embedding));
  }
}

const COLUMNS = ['', 'agree', 'max diff', 'cosine', 'time', 'load', 'memory', 'file'];

/** Formats runs as a table of at most 80 columns. The first run is the reference of the others. */
export function table(runs: readonly (readonly [Run, Costs])[]): string {
  const [reference, { precision }] = runs[0]!;
  const rows = runs.map(([run, costs]) => row(run, costs, reference));
  const legend = [
    `${formatCount(reference.clips, 'clip')}, compared with ${precision}`,
    'agree: clips with the same emotion; max diff: largest difference of a score',
    'cosine: smallest cosine similarity of embeddings; time: mean inference time',
    'memory: peak memory of the process; file: size of the archive',
  ];
  return [...inColumns([COLUMNS, ...rows]), '', ...legend, ''].join('\n');
}

function row(run: Run, { precision, loadSeconds, peakBytes, fileBytes }: Costs, reference: Run): string[] {
  const isReference = run === reference;
  const comparison = [`${run.agreements}/${run.pairs}`, run.maxDifference.toFixed(4), run.minCosine.toFixed(5)];
  const speedup = ` (x${(reference.inferenceSeconds / run.inferenceSeconds).toFixed(1)})`;
  return [
    precision,
    ...(isReference ? ['', '', ''] : comparison),
    `${((1000 * run.inferenceSeconds) / run.clips).toFixed(0)} ms${isReference ? '' : speedup}`,
    `${loadSeconds.toFixed(2)} s`,
    formatBytes(peakBytes),
    formatBytes(fileBytes),
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
