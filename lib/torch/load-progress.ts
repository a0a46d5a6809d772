/** Interval in milliseconds at which the progress of a load is polled. */
const INTERVAL_MS = 50;

/**
 * Calls a listener with the progress of a load each time it changes, starting with 0, and with 1 once the load has succeeded.
 * Exceptions of the listener are ignored.
 * @param fraction returns the progress, 0 to 1
 */
export async function followLoad<T>(
  loading: Promise<T>,
  fraction: () => number,
  listener: ((fraction: number) => void) | undefined,
): Promise<T> {
  if (listener === undefined) return loading;
  let reported: number | undefined;
  const report = (current: number): void => {
    if (current === reported) return;
    reported = current;
    try {
      listener(current);
    } catch {
      // An error in the listener must not become an error of the load.
    }
  };
  report(0);
  const timer = setInterval(() => report(fraction()), INTERVAL_MS);
  try {
    const loaded = await loading;
    report(1);
    return loaded;
  } finally {
    clearInterval(timer);
  }
}
