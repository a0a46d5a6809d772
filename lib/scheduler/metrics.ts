import { createHistogram, type RecordableHistogram } from 'node:perf_hooks';

/**
 * Statistics of a quantity, such as milliseconds or clips per batch. Percentiles are accurate to one percent. All fields are 0
 * until a value is recorded.
 */
export interface Distribution {
  /** Number of values. */
  count: number;
  /** Arithmetic mean. */
  mean: number;
  /** Median. */
  p50: number;
  /** 90th percentile. */
  p90: number;
  /** 99th percentile. */
  p99: number;
  /** Largest value. */
  max: number;
}

/** Counts and times of the requests of a recognizer since it was created. */
export interface RequestStatistics {
  /** Requests under way that wait for their audio, the model or a slot. */
  queued: number;
  /** Requests that have a clip in the model. */
  running: number;
  /** Requests that returned a result. */
  done: number;
  /** Requests that ended with an error of their own, such as ERR_AUDIO_DECODE. */
  failed: number;
  /** Requests that were refused with ERR_QUEUE_FULL. */
  rejected: number;
  /** Requests that were ended by their signal, their deadline or `close`. */
  cancelled: number;
  /** Clips, or windows of long clips, in each run of the model. */
  batchSize: Distribution;
  /** Milliseconds that completed requests waited for the model and for a slot. */
  queueMs: Distribution;
  /** Milliseconds in which the audio of completed requests was read, decoded and resampled. */
  decodeMs: Distribution;
  /** Milliseconds that completed requests spent in the model. */
  inferenceMs: Distribution;
}

/** Counters, and distributions in constant memory (Node's HdrHistogram). */
export class Metrics {
  readonly counts = { done: 0, failed: 0, rejected: 0, cancelled: 0 };
  readonly batchSize = new Recorder(1);
  readonly queueMs = new Recorder(1000);
  readonly decodeMs = new Recorder(1000);
  readonly inferenceMs = new Recorder(1000);

  /** Records the times of a completed request. */
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

/** Largest value that a histogram records: an hour in milliseconds. */
const MAX_VALUE = 3_600_000;

/** Records a quantity in units of 1 / `scale`, because histograms hold only positive integers. */
class Recorder {
  readonly #histogram: RecordableHistogram;
  readonly #scale: number;

  constructor(scale: number) {
    this.#scale = scale;
    this.#histogram = createHistogram({ highest: MAX_VALUE * scale, figures: 2 }); // 40 KB for microseconds
  }

  record(value: number): void {
    const scaled = Math.round(value * this.#scale);
    this.#histogram.record(Math.min(MAX_VALUE * this.#scale, Math.max(1, scaled)));
  }

  read(): Distribution {
    const { count, mean, max } = this.#histogram;
    if (count === 0) return { count: 0, mean: 0, p50: 0, p90: 0, p99: 0, max: 0 };
    const percentile = (percent: number): number => this.#histogram.percentile(percent) / this.#scale;
    return {
      count,
      mean: mean / this.#scale,
      p50: percentile(50),
      p90: percentile(90),
      p99: percentile(99),
      max: max / this.#scale,
    };
  }
}
