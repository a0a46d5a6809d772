import { signal } from '@preact/signals';

/** Which of the two panels has the news. */
export const latest = signal<'result' | 'batch'>('result');
