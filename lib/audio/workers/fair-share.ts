/** Number of samples after which a job lets others run. */
const SLICE = 2 ** 16;
/** Jobs that have decoded fewer samples than this, as ordinary clips have, run to their end one after another. */
const SHORT = 2 ** 20;
/**
 * Jobs that have decoded fewer samples than this alternate. Longer ones run to their end one after another, because the memory
 * that they hold grows.
 */
const LONG = 2 ** 24;

interface Waiting {
  share: Share;
  resume: () => void;
}

/**
 * Divides one thread among several decoding jobs, so that no job waits for the end of a long one: the job that has decoded the
 * fewest samples runs next. Samples are counted rather than time, so that the order does not depend on the clock. While a job
 * awaits something else, others run.
 */
export class FairShare {
  readonly #waiting: Waiting[] = [];
  readonly #onStep: () => void;
  #count = 0;
  #scheduled = false;

  /** @param onStep called before each step of a job, and when a job pauses */
  constructor(onStep: () => void) {
    this.#onStep = onStep;
  }

  /** Adds a job. */
  enter(): Share {
    return new Share(this.#count++, (share) => this.#wait(share));
  }

  /** Whether a new job would run before all waiting ones. */
  get open(): boolean {
    return this.#waiting.every(({ share }) => share.rank > 0);
  }

  #wait(share: Share): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push({ share, resume: resolve });
      this.#onStep();
      this.#schedule();
    });
  }

  /** Resumes the next job. Between two steps, the thread receives messages. */
  #schedule(): void {
    if (this.#scheduled || this.#waiting.length === 0) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.#onStep();
      let next = 0;
      for (let i = 1; i < this.#waiting.length; i++) {
        if (this.#waiting[i]!.share.isBefore(this.#waiting[next]!.share)) next = i;
      }
      this.#waiting.splice(next, 1)[0]!.resume();
      this.#schedule();
    });
  }
}

/** One job's share of the thread: how much it has decoded, and how it lets others run. */
export class Share {
  readonly #order: number;
  readonly #wait: (share: Share) => Promise<void>;
  readonly #stopped = new AbortController();
  #samples = 0;
  #slice = 0;
  #msBefore = 0;
  #begin = performance.now();

  constructor(order: number, wait: (share: Share) => Promise<void>) {
    this.#order = order;
    this.#wait = wait;
  }

  /** Milliseconds that the job has run, without those in which others ran. */
  get ms(): number {
    return this.#msBefore + performance.now() - this.#begin;
  }

  /**
   * Must be awaited before the first step of the job, and after each step with the number of samples that it decoded.
   * @throws Error once `stop` was called
   */
  async pause(samples?: number): Promise<void> {
    this.#samples += samples ?? 0;
    this.#slice += samples ?? SLICE;
    if (this.#slice < SLICE) return;
    this.#slice = 0;
    this.#msBefore = this.ms;
    await this.#wait(this);
    this.#begin = performance.now();
    this.signal.throwIfAborted();
  }

  /** Aborted by `stop`. */
  get signal(): AbortSignal {
    return this.#stopped.signal;
  }

  stop(): void {
    this.#stopped.abort(new Error('the job was cancelled'));
  }

  /** Jobs of a lower rank run first. 0 for short jobs. */
  get rank(): number {
    return this.#samples < SHORT ? 0 : Math.min(this.#samples, LONG);
  }

  isBefore(other: Share): boolean {
    return this.rank < other.rank || (this.rank === other.rank && this.#order < other.#order);
  }
}
