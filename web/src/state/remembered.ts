import { effect, signal, type Signal } from '@preact/signals';

/** A signal whose value is there again when the page is opened next time. */
export function remembered<T extends string | boolean>(
  name: string,
  initial: T,
  isValid: (value: T) => boolean,
): Signal<T> {
  const key = `emotion2vec.${name}`;
  let found: T = initial;
  try {
    const stored = JSON.parse(localStorage.getItem(key) ?? 'null') as T | null;
    if (stored !== null && typeof stored === typeof initial && isValid(stored)) found = stored;
  } catch {
    // No storage, or somebody else's words in it: the page works without.
  }
  const value = signal<T>(found);
  effect(() => {
    const text = JSON.stringify(value.value);
    try {
      localStorage.setItem(key, text);
    } catch {
      // as above
    }
  });
  return value;
}
