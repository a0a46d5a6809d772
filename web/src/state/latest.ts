import { signal } from '@preact/signals';

/** The panel that changed last; it is shown first. */
export const latest = signal<'result' | 'batch'>('result');
