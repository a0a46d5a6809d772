import { type ReadonlySignal, type Signal, useSignal, useSignalEffect } from '@preact/signals';
import { type RefObject } from 'preact';
import { useRef } from 'preact/hooks';

interface Roving<T> {
  list: RefObject<T | null>;
  /** The button that Tab comes to. */
  stop: Signal<number>;
  onKeyDown: (event: KeyboardEvent) => void;
}

/**
 * One tab stop for a list of buttons: arrow keys, Home and End go from one to the next. Tab comes to the current one, or goes
 * back to where the focus was.
 */
export function useRoving<T extends HTMLElement>(current: ReadonlySignal<number>): Roving<T> {
  const list = useRef<T>(null);
  const stop = useSignal(current.peek());
  useSignalEffect(() => {
    const now = current.value;
    // Moving it away from the focus would make of the list two tab stops.
    if (!list.current?.contains(document.activeElement)) stop.value = now;
  });
  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return; // the browser's: back, forward
    const buttons = list.current?.querySelectorAll('button') ?? [];
    const next = { Home: 0, End: buttons.length - 1, ArrowLeft: stop.value - 1, ArrowRight: stop.value + 1 }[event.key];
    if (next === undefined) return;
    event.preventDefault();
    buttons[next]?.focus();
  };
  return { list, stop, onKeyDown };
}
