import { effect, signal, type Signal } from '@preact/signals';

/** Returns a signal whose value is kept in the local storage of the browser. */
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
    // There is no storage, or its value is not JSON.
  }
  const value = signal<T>(found);
  effect(() => {
    const text = JSON.stringify(value.value);
    try {
      localStorage.setItem(key, text);
    } catch {
      // There is no storage.
    }
  });
  return value;
}
