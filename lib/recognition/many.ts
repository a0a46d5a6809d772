import { onAbort } from '../shared/abort.js';
import { Source } from '../shared/read-ahead.js';

/** The result of an input, or its error. */
export type Outcome<I, R> =
  { input: I; result: R; error?: undefined } | { input: I; error: unknown; result?: undefined };

export interface ManyOptions {
  /** Returns the maximum number of inputs that are under way, or done and not yet consumed. Called before each input is read. */
  ahead: () => number;
  /** Whether outcomes are yielded in the order of the inputs, or as soon as they are available. */
  ordered: boolean;
  /** Aborting ends the iteration with the reason of the signal. */
  signal?: AbortSignal | undefined;
}

/**
 * Runs `work` for each input and yields the outcomes. Reads no more inputs than `ahead` allows. When the caller leaves the
 * loop, the work under way is aborted and the source is closed.
 */
export async function* mapMany<I, R>(
  inputs: Iterable<I> | AsyncIterable<I>,
  work: (input: I, signal: AbortSignal) => Promise<R>,
  { ahead, ordered, signal }: ManyOptions,
): AsyncGenerator<Outcome<I, R>, void, undefined> {
  const source = new Source(inputs, 'The inputs', signal);
  const controller = new AbortController();
  const unfollow = signal && onAbort(signal, () => controller.abort(signal.reason));
  const started: Started<I, R>[] = [];
  const readOne = async (): Promise<void> => {
    const next = await source.next();
    if (next.done) return;
    started.push(
      start(
        next.value,
        (input) => work(input, controller.signal),
        () => source.notify(),
      ),
    );
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
      } else if (source.ended && started.length === 0) {
        source.throwFailure();
        return;
      } else {
        await source.change();
      }
    }
  } finally {
    unfollow?.();
    controller.abort(new Error('The results were not consumed'));
    await source.close();
  }
}

/** The work of one input; `outcome` is undefined while it is under way. */
interface Started<I, R> {
  outcome: Outcome<I, R> | undefined;
}

function start<I, R>(input: I, work: (input: I) => Promise<R>, onSettled: () => void): Started<I, R> {
  const started: Started<I, R> = { outcome: undefined };
  const settle = (outcome: Outcome<I, R>) => {
    started.outcome = outcome;
    onSettled();
  };
  work(input).then(
    (result) => settle({ input, result }),
    (error: unknown) => settle({ input, error }),
  );
  return started;
}
