/** The result that is looked at. */
import { signal } from '@preact/signals';

import { ApiError, failureOf, getResult } from '../api/client.js';
import type { ClipResult } from '../api/types.js';
import { announce, texts } from '../i18n/index.js';
import { emotionName, percent } from './emotions.js';
import { fail, failure } from './failure.js';
import { drop } from './history.js';
import { latest } from './latest.js';
import { bringIntoView } from './view.js';

/** A result that is shown, and its sound where the page has it itself. */
export interface Shown {
  result: ClipResult;
  sound: Blob | undefined;
}

/** Below this the winner is not much better than the others. */
const UNSURE = 0.45;

export const shown = signal<Shown | undefined>(undefined);

/** Answers may come in another order than they were asked for in. */
let turn = 0;

export function show(next: Shown): void {
  turn++;
  shown.value = next;
  latest.value = 'result';
  bringIntoView('result');
  announce(`${emotionName(next.result.emotion)}, ${confidenceWords(next.result)}`);
}

/** Shows a result that was kept. */
export async function open(id: string): Promise<void> {
  const mine = ++turn;
  failure.value = undefined;
  try {
    const result = await getResult(id);
    if (mine === turn) show({ result, sound: undefined });
  } catch (error) {
    if (error instanceof ApiError && error.failure.code === 'ERR_RESULT_NOT_FOUND') drop(id); // by another page
    if (mine === turn) fail(failureOf(error));
  }
}

export function confidenceWords({ confidence }: ClipResult): string {
  const { result: say } = texts.value;
  return confidence < UNSURE ? say.unsure : say.confidence(percent(confidence));
}
