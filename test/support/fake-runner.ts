import type { BatchRunner } from '../../lib/scheduler/run.js';

/** A batch that a fake runner was given, and the functions that end it. */
export interface FakeRun {
  clips: readonly string[];
  signal: AbortSignal;
  finish: () => void;
  fail: (error: Error) => void;
}

/** A runner whose runs end when the test ends them. The output of a clip is its name in capitals. */
export class FakeRunner implements BatchRunner<string, string> {
  readonly parallel: number;
  readonly maxBatch: number;
  readonly maxPadded: number;
  /** In the order in which they started. */
  readonly runs: FakeRun[] = [];

  constructor({ parallel = 1, maxBatch = 1, maxPadded = 100 } = {}) {
    this.parallel = parallel;
    this.maxBatch = maxBatch;
    this.maxPadded = maxPadded;
  }

  run(clips: readonly string[], signal: AbortSignal): Promise<{ outputs: string[]; runMs: number }> {
    return new Promise((resolve, reject) => {
      this.runs.push({
        clips,
        signal,
        finish: () => resolve({ outputs: clips.map((clip) => clip.toUpperCase()), runMs: 1 }),
        fail: reject,
      });
    });
  }

  get batches(): string[] {
    return this.runs.map(({ clips }) => clips.join('+'));
  }
}

/** Resolves once every promise that can settle has settled. */
export function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
