/** Those who follow a signal, and what takes their one listener off it. */
interface Followers {
  all: Set<() => void>;
  stop: () => void;
}

/** Node warns of a leak from the eleventh listener of a signal on: those who follow one share a listener. */
const followed = new WeakMap<AbortSignal, Followers>();

/**
 * Calls `listener` when `signal` aborts, until what is returned is called. At once where it has aborted already.
 */
export function onAbort(signal: AbortSignal, listener: () => void): () => void {
  if (signal.aborted) {
    listener();
    return () => undefined;
  }
  const { all, stop } = followed.get(signal) ?? follow(signal);
  const own = (): void => listener(); // one who follows twice is told twice
  all.add(own);
  return () => {
    if (all.delete(own) && all.size === 0) stop();
  };
}

function follow(signal: AbortSignal): Followers {
  const all = new Set<() => void>();
  const tellAll = (): void => {
    for (const each of all) each();
  };
  const stop = (): void => {
    signal.removeEventListener('abort', tellAll);
    if (followed.get(signal) === followers) followed.delete(signal);
  };
  const followers = { all, stop };
  signal.addEventListener('abort', tellAll, { once: true });
  followed.set(signal, followers);
  return followers;
}
