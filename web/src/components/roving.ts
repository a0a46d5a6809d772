import { type ReadonlySignal, type Signal, useSignal, useSignalEffect } from '@preact/signals';
import { type RefObject } from 'preact';
import { useRef } from 'preact/hooks';

interface Roving<T> {
  list: RefObject<T | null>;
  /** Index of the button that Tab moves to. */
  stop: Signal<number>;
  onKeyDown: (event: KeyboardEvent) => void;
}

/**
 * Makes a list of buttons one tab stop. Arrow keys, Home and End move within it. Tab moves to the current button, or back to the
 * one that last had the focus.
 */
export function useRoving<T extends HTMLElement>(current: ReadonlySignal<number>): Roving<T> {
  const list = useRef<T>(null);
  const stop = useSignal(current.peek());
  useSignalEffect(() => {
    const now = current.value;
    // Moving the tab stop away from the focus would give the list two tab stops.
    if (!list.current?.contains(document.activeElement)) stop.value = now;
  });
  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return; // shortcuts of the browser, such as back and forward
    const buttons = list.current?.querySelectorAll('button') ?? [];
    const next = { Home: 0, End: buttons.length - 1, ArrowLeft: stop.value - 1, ArrowRight: stop.value + 1 }[event.key];
    if (next === undefined) return;
    event.preventDefault();
    buttons[next]?.focus();
  };
  return { list, stop, onKeyDown };
}
