/** The result that is shown. */
import { signal } from '@preact/signals';

import { ApiError, failureOf, getResult } from '../api/client.js';
import type { ClipResult } from '../api/types.js';
import { announce, texts } from '../i18n/index.js';
import { emotionName } from './emotions.js';
import { formatPercent } from './format.js';
import { fail, failure } from './failure.js';
import { drop } from './history.js';
import { latest } from './latest.js';
import { bringIntoView } from './view.js';

export interface Shown {
  result: ClipResult;
  /** The recording, if it was recognized on this page. */
  audio: Blob | undefined;
}

/** Confidence below which the page points out that it is low. */
const UNSURE = 0.45;

export const shown = signal<Shown | undefined>(undefined);

/** Number of the latest request: answers may arrive in another order. */
let latestRequest = 0;

export function show(next: Shown): void {
  latestRequest++;
  shown.value = next;
  latest.value = 'result';
  bringIntoView('result');
  announce(`${emotionName(next.result.emotion)}, ${confidenceText(next.result)}`);
}

/** Shows a result that the server keeps. */
export async function open(id: string): Promise<void> {
  const request = ++latestRequest;
  failure.value = undefined;
  try {
    const result = await getResult(id);
    if (request === latestRequest) show({ result, audio: undefined });
  } catch (error) {
    if (error instanceof ApiError && error.failure.code === 'ERR_RESULT_NOT_FOUND') drop(id); // deleted elsewhere
    if (request === latestRequest) fail(failureOf(error));
  }
}

export function confidenceText({ confidence }: ClipResult): string {
  const { result: text } = texts.value;
  return (confidence < UNSURE ? text.unsure : text.confidence)(formatPercent(confidence));
}
