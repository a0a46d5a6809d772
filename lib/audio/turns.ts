/** Milliseconds after which a job lets others go on. */
const SLICE_MS = 5;
/** A job that has had less than this is ended first, one after another: so are ordinary clips. */
const SHORT_MS = 50;
/** Those that have had less than this take turns; beyond it they are ended one after another, for what they hold grows. */
const LONG_MS = 500;

interface Waiting {
  turn: Turn;
  goOn: () => void;
}

/**
 * Jobs of one thread that take turns, so that none waits for the end of a long one: whichever has had the least time goes on.
 * A job may await what it likes; the others go on meanwhile.
 */
export class Turns {
  readonly #waiting: Waiting[] = [];
  readonly #onBeat: () => void;
  #count = 0;
  #scheduled = false;

  /** @param onBeat called each time that a job pauses or goes on */
  constructor(onBeat: () => void) {
    this.#onBeat = onBeat;
  }

  /** Of a new job. */
  enter(): Turn {
    return new Turn(this.#count++, (turn) => this.#wait(turn));
  }

  #wait(turn: Turn): Promise<void> {
    this.#onBeat();
    return new Promise((resolve) => {
      this.#waiting.push({ turn, goOn: resolve });
      this.#schedule();
    });
  }

  /** Between two of them, messages come in. */
  #schedule(): void {
    if (this.#scheduled || this.#waiting.length === 0) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.#onBeat();
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
  #before = 0;
  #begin = performance.now();
  readonly #stopped = new AbortController();

  constructor(order: number, wait: (turn: Turn) => Promise<void>) {
    this.#order = order;
    this.#wait = wait;
  }

  /** Milliseconds. */
  get used(): number {
    return this.#before + performance.now() - this.#begin;
  }

  /** To be awaited before the first and between all steps. @throws Error once `stop` was called */
  async pause(): Promise<void> {
    const slice = performance.now() - this.#begin;
    if (this.#before > 0 && slice < SLICE_MS) return;
    this.#before += slice;
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

  isBefore(other: Turn): boolean {
    return this.#rank < other.#rank || (this.#rank === other.#rank && this.#order < other.#order);
  }

  /** While it waits. */
  get #rank(): number {
    return this.#before < SHORT_MS ? 0 : Math.min(this.#before, LONG_MS);
  }
}
