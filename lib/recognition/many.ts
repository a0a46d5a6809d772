import { onAbort } from '../shared/abort.js';
import { Source } from '../shared/read-ahead.js';

/** An input's result or its error. */
export type Outcome<I, R> =
  { input: I; result: R; error?: undefined } | { input: I; error: unknown; result?: undefined };

export interface ManyOptions {
  /** Inputs that may be under way, or done and not yet taken. Asked anew each time. */
  ahead: () => number;
  /** Whether outcomes come in the order of the inputs, or each as soon as it is there. */
  ordered: boolean;
  /** Aborting ends the iteration with the signal's reason. */
  signal?: AbortSignal | undefined;
}

/**
 * Runs `work` for each input and yields the outcomes. No more inputs are read than `ahead` allows. When the iterator is given
 * up, what is under way is aborted and the source closed.
 */
export async function* mapMany<I, R>(
  inputs: Iterable<I> | AsyncIterable<I>,
  work: (input: I, signal: AbortSignal) => Promise<R>,
  { ahead, ordered, signal }: ManyOptions,
): AsyncGenerator<Outcome<I, R>, void, undefined> {
  const source = new Source(inputs, 'The inputs', signal);
  const left = new AbortController();
  const unfollow = signal && onAbort(signal, () => left.abort(signal.reason));
  const started: Slot<I, R>[] = [];
  const readOne = async (): Promise<void> => {
    const next = await source.next();
    if (next.done) return;
    const slot = start(
      next.value,
      (input) => work(input, left.signal),
      () => source.changed(),
    );
    started.push(slot);
  };

  try {
    for (;;) {
      signal?.throwIfAborted();
      if (started.length < ahead()) source.read(readOne);
      const index = ordered ? 0 : started.findIndex(({ outcome }) => outcome !== undefined);
      const outcome = started[index]?.outcome;
      if (outcome !== undefined) {
        started.splice(index, 1);
        yield outcome;
      } else if (source.over && started.length === 0) {
        source.rethrow();
        return;
      } else {
        await source.change();
      }
    }
  } finally {
    unfollow?.();
    left.abort(new Error('The results were not taken'));
    await source.close();
  }
}

interface Slot<I, R> {
  outcome: Outcome<I, R> | undefined;
}

function start<I, R>(input: I, work: (input: I) => Promise<R>, changed: () => void): Slot<I, R> {
  const slot: Slot<I, R> = { outcome: undefined };
  const settle = (outcome: Outcome<I, R>) => {
    slot.outcome = outcome;
    changed();
  };
  work(input).then(
    (result) => settle({ input, result }),
    (error: unknown) => settle({ input, error }),
  );
  return slot;
}
