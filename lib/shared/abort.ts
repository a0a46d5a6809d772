/** The listeners of a signal, which share a single event listener. `stop` removes it. */
interface Followers {
  all: Set<() => void>;
  stop: () => void;
}

/**
 * Node warns about a memory leak if a signal has more than ten event listeners. All listeners of a signal therefore share one.
 */
const followed = new WeakMap<AbortSignal, Followers>();

/**
 * Calls `listener` when `signal` aborts, or at once if it has aborted already.
 * @returns a function that removes the listener
 */
export function onAbort(signal: AbortSignal, listener: () => void): () => void {
  if (signal.aborted) {
    listener();
    return () => undefined;
  }
  const { all, stop } = followed.get(signal) ?? follow(signal);
  const own = (): void => listener(); // a listener that is added twice is called twice
  all.add(own);
  return () => {
    if (all.delete(own) && all.size === 0) stop();
  };
}

function follow(signal: AbortSignal): Followers {
  const all = new Set<() => void>();
  const notifyAll = (): void => {
    for (const each of all) each();
  };
  const stop = (): void => {
    signal.removeEventListener('abort', notifyAll);
    if (followed.get(signal) === followers) followed.delete(signal);
  };
  const followers = { all, stop };
  signal.addEventListener('abort', notifyAll, { once: true });
  followed.set(signal, followers);
  return followers;
}
