import { createHistogram, type RecordableHistogram } from 'node:perf_hooks';

/** Of milliseconds, or of clips in a batch. Percentiles are exact to a hundredth; 0 where nothing was recorded. */
export interface Distribution {
  count: number;
  mean: number;
  p50: number;
  p90: number;
  p99: number;
  max: number;
}

export interface RequestStatistics {
  /** Calls under way that wait: for their audio, for the model, or for their turn. */
  queued: number;
  /** Calls whose clip the model has now. */
  running: number;
  /** Calls that gave a result. */
  done: number;
  failed: number;
  /** Calls refused because the queue was full. */
  rejected: number;
  /** Calls ended by their signal, their deadline or `close`. */
  cancelled: number;
  /** Clips, or windows of long ones, in each run of the model. */
  batchSize: Distribution;
  /** Of calls that are done: waiting for the model and for a turn. */
  queueMs: Distribution;
  /** Of calls that are done: reading, decoding and resampling. */
  decodeMs: Distribution;
  /** Of calls that are done: in the model. */
  inferenceMs: Distribution;
}

/** Counts, and distributions in constant memory (Node's own HdrHistogram). */
export class Metrics {
  readonly counts = { done: 0, failed: 0, rejected: 0, cancelled: 0 };
  readonly batchSize = new Recorder(1);
  readonly queueMs = new Recorder(1000);
  readonly decodeMs = new Recorder(1000);
  readonly inferenceMs = new Recorder(1000);

  /** Of a call that is done. */
  record(timing: { queueMs: number; decodeMs: number; inferenceMs: number }): void {
    this.queueMs.record(timing.queueMs);
    this.decodeMs.record(timing.decodeMs);
    this.inferenceMs.record(timing.inferenceMs);
  }

  read(queued: number, running: number): RequestStatistics {
    return {
      queued,
      running,
      ...this.counts,
      batchSize: this.batchSize.read(),
      queueMs: this.queueMs.read(),
      decodeMs: this.decodeMs.read(),
      inferenceMs: this.inferenceMs.read(),
    };
  }
}

/** Histograms hold positive integers: `scale` of them make one of the unit. */
class Recorder {
  readonly #histogram: RecordableHistogram;
  readonly #scale: number;

  constructor(scale: number) {
    this.#scale = scale;
    this.#histogram = createHistogram({ highest: 3_600_000 * scale, figures: 2 }); // an hour in microseconds: 40 KB
  }

  record(value: number): void {
    const most = 3_600_000 * this.#scale;
    this.#histogram.record(Math.min(most, Math.max(1, Math.round(value * this.#scale))));
  }

  read(): Distribution {
    const { count, mean, max } = this.#histogram;
    if (count === 0) return { count: 0, mean: 0, p50: 0, p90: 0, p99: 0, max: 0 };
    const at = (share: number): number => this.#histogram.percentile(share) / this.#scale;
    return { count, mean: mean / this.#scale, p50: at(50), p90: at(90), p99: at(99), max: max / this.#scale };
  }
}
