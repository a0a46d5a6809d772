import { onAbort } from './abort.js';

/** An iterable that is read in the background, while its values are worked on. */
export class Source<T> {
  readonly #iterator: Iterator<T> | AsyncIterator<T>;
  readonly #signal: AbortSignal | undefined;
  readonly #unfollow: (() => void) | undefined;
  #reading = false;
  #over = false;
  #closed = false;
  #failure: { error: unknown } | undefined;
  #notify = () => {};

  /**
   * @param what the values are, for the error
   * @param signal aborting ends the waiting, with its reason
   * @throws TypeError for what is no sequence; text and bytes are sequences, but of characters and numbers
   */
  constructor(values: Iterable<T> | AsyncIterable<T>, what: string, signal: AbortSignal | undefined) {
    signal?.throwIfAborted();
    this.#iterator = iteratorOf(values, what);
    this.#signal = signal;
    this.#unfollow = signal && onAbort(signal, () => this.changed());
  }

  /** Whether it has no more, or failed. */
  get over(): boolean {
    return this.#over;
  }

  /** Nobody wants more of it. */
  get closed(): boolean {
    return this.#closed;
  }

  /** Runs `read`, which takes what it wants with `next`; not while it runs already, nor when there is no more. */
  read(read: () => Promise<void>): void {
    if (this.#reading || this.#over) return;
    this.#reading = true;
    read()
      .catch((error: unknown) => {
        this.#failure = { error };
        this.#over = true;
      })
      .finally(() => {
        this.#reading = false;
        this.changed();
      });
  }

  async next(): Promise<IteratorResult<T, unknown>> {
    const item = await this.#iterator.next();
    this.#over = item.done === true;
    return item;
  }

  /** Ends the wait for a change. */
  changed(): void {
    this.#notify();
  }

  /** Waits until something has changed: at most one may wait. */
  async change(): Promise<void> {
    await new Promise<void>((resolve) => (this.#notify = resolve));
    this.#signal?.throwIfAborted();
  }

  /** @throws what reading threw */
  rethrow(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  async close(): Promise<void> {
    this.#unfollow?.();
    this.#closed = true;
    if (this.#over) return;
    const closing = Promise.resolve(this.#iterator.return?.()).catch(() => undefined);
    if (!this.#reading) await closing; // one that is waited for answers only after its next value, which may never come
  }
}

function iteratorOf<T>(values: Iterable<T> | AsyncIterable<T>, what: string): Iterator<T> | AsyncIterator<T> {
  if (typeof values === 'object' && values !== null && !ArrayBuffer.isView(values)) {
    if (Symbol.asyncIterator in values) return values[Symbol.asyncIterator]();
    if (Symbol.iterator in values) return values[Symbol.iterator]();
  }
  throw new TypeError(`${what} must be an iterable or an async iterable, such as an array, a generator or a stream`);
}
