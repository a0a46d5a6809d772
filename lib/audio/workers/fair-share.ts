/** Samples after which a job lets others go on. */
const SLICE = 2 ** 16;
/** A job that has had less than this is ended first, one after another: so are ordinary clips. */
const SHORT = 2 ** 20;
/** Those that have had less than this take turns; beyond it they are ended one after another, for what they hold grows. */
const LONG = 2 ** 24;

interface Waiting {
  turn: Turn;
  goOn: () => void;
}

/**
 * Jobs of one thread that take turns, so that none waits for the end of a long one: whichever has had the least goes on. That
 * is counted in samples, so that the order does not depend on the clock. A job may await what it likes; others go on meanwhile.
 */
export class Turns {
  readonly #waiting: Waiting[] = [];
  readonly #onStep: () => void;
  #count = 0;
  #scheduled = false;

  /** @param onStep called before each step of a job, and when it pauses */
  constructor(onStep: () => void) {
    this.#onStep = onStep;
  }

  /** Of a new job. */
  enter(): Turn {
    return new Turn(this.#count++, (turn) => this.#wait(turn));
  }

  /** Whether a new job would go on before all that wait. */
  get open(): boolean {
    return this.#waiting.every(({ turn }) => turn.rank > 0);
  }

  #wait(turn: Turn): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push({ turn, goOn: resolve });
      this.#onStep();
      this.#schedule();
    });
  }

  /** Between two steps, messages come in. */
  #schedule(): void {
    if (this.#scheduled || this.#waiting.length === 0) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.#onStep();
      let next = 0;
      for (let i = 1; i < this.#waiting.length; i++) {
        if (this.#waiting[i]!.turn.isBefore(this.#waiting[next]!.turn)) next = i;
      }
      this.#waiting.splice(next, 1)[0]!.goOn();
      this.#schedule();
    });
  }
}

/** What a job has had, and its way to let others go on. */
export class Turn {
  readonly #order: number;
  readonly #wait: (turn: Turn) => Promise<void>;
  readonly #stopped = new AbortController();
  #samples = 0;
  #slice = 0;
  #before = 0;
  #begin = performance.now();

  constructor(order: number, wait: (turn: Turn) => Promise<void>) {
    this.#order = order;
    this.#wait = wait;
  }

  /** Milliseconds, without those in which others went on. */
  get used(): number {
    return this.#before + performance.now() - this.#begin;
  }

  /** To be awaited before the first step, and after each with its samples. @throws Error once `stop` was called */
  async pause(samples?: number): Promise<void> {
    this.#samples += samples ?? 0;
    this.#slice += samples ?? SLICE;
    if (this.#slice < SLICE) return;
    this.#slice = 0;
    this.#before = this.used;
    await this.#wait(this);
    this.#begin = performance.now();
    this.signal.throwIfAborted();
  }

  /** Aborts with `stop`. */
  get signal(): AbortSignal {
    return this.#stopped.signal;
  }

  stop(): void {
    this.#stopped.abort(new Error('nobody wants it any more'));
  }

  /** The lower, the sooner it goes on; 0 for a short one. */
  get rank(): number {
    return this.#samples < SHORT ? 0 : Math.min(this.#samples, LONG);
  }

  isBefore(other: Turn): boolean {
    return this.rank < other.rank || (this.rank === other.rank && this.#order < other.#order);
  }
}
