import { onAbort } from './abort.js';

/** An iterable that is read in the background while its values are processed. */
export class Source<T> {
  readonly #iterator: Iterator<T> | AsyncIterator<T>;
  readonly #signal: AbortSignal | undefined;
  readonly #unfollow: (() => void) | undefined;
  #reading = false;
  #ended = false;
  #closed = false;
  #failure: { error: unknown } | undefined;
  #onChange = () => {};

  /**
   * @param what names the values in the error message
   * @param signal aborting ends `change()` with the reason of the signal
   * @throws TypeError if `values` is not iterable, or is text or bytes, which are iterables of characters and numbers
   */
  constructor(values: Iterable<T> | AsyncIterable<T>, what: string, signal: AbortSignal | undefined) {
    signal?.throwIfAborted();
    this.#iterator = iteratorOf(values, what);
    this.#signal = signal;
    this.#unfollow = signal && onAbort(signal, () => this.notify());
  }

  /** True if there are no more values, or reading failed. */
  get ended(): boolean {
    return this.#ended;
  }

  /** True if `close()` was called. */
  get closed(): boolean {
    return this.#closed;
  }

  /** Runs `read`, which takes values with `next()`. Does nothing while an earlier `read` runs, or when the iterable has ended. */
  read(read: () => Promise<void>): void {
    if (this.#reading || this.#ended) return;
    this.#reading = true;
    read()
      .catch((error: unknown) => {
        this.#failure = { error };
        this.#ended = true;
      })
      .finally(() => {
        this.#reading = false;
        this.notify();
      });
  }

  async next(): Promise<IteratorResult<T, unknown>> {
    const item = await this.#iterator.next();
    this.#ended = item.done === true;
    return item;
  }

  /** Ends the wait of `change()`. */
  notify(): void {
    this.#onChange();
  }

  /** Waits until `notify` is called. At most one caller may wait. */
  async change(): Promise<void> {
    await new Promise<void>((resolve) => (this.#onChange = resolve));
    this.#signal?.throwIfAborted();
  }

  /** Throws the error of reading, if there was one. */
  throwFailure(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  async close(): Promise<void> {
    this.#unfollow?.();
    this.#closed = true;
    if (this.#ended) return;
    const closing = Promise.resolve(this.#iterator.return?.()).catch(() => undefined);
    if (!this.#reading) await closing; // while a read is pending, return() would settle only after the next value, which may never come
  }
}

function iteratorOf<T>(values: Iterable<T> | AsyncIterable<T>, what: string): Iterator<T> | AsyncIterator<T> {
  if (typeof values === 'object' && values !== null && !ArrayBuffer.isView(values)) {
    if (Symbol.asyncIterator in values) return values[Symbol.asyncIterator]();
    if (Symbol.iterator in values) return values[Symbol.iterator]();
  }
  throw new TypeError(`${what} must be an iterable or an async iterable, such as an array, a generator or a stream`);
}
