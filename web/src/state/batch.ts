/** The recordings of a batch and their results. */
import { signal } from '@preact/signals';

import { ApiError, failureFrom, NO_RESPONSE, sendForm } from '../api/client.js';
import type { ApiFailure, BatchSummary, ClipResult, Progress } from '../api/types.js';
import { announce, texts } from '../i18n/index.js';
import type { Chosen } from './chosen.js';
import { latest } from './latest.js';
import { bringIntoView } from './view.js';

export interface BatchRow extends Chosen {
  index: number;
  progress: Progress | undefined;
  result: ClipResult | undefined;
  failure: ApiFailure | undefined;
  /** Whether the batch ended before this recording was recognized. */
  stopped: boolean;
}

export const batch = signal<BatchRow[]>([]);
export const batchSummary = signal<BatchSummary | undefined>(undefined);

export interface BatchStages {
  /** Called with the fraction of the form, 0 to 1, that has been sent. */
  sending: (fraction: number) => void;
  done: (done: number, total: number) => void;
}

/**
 * Recognizes recordings as a batch.
 * @throws ApiError if the batch ended early; the rows show which recordings are done
 */
export async function recognizeMany(
  clips: readonly Chosen[],
  form: FormData,
  signal: AbortSignal,
  on: BatchStages,
): Promise<void> {
  batchSummary.value = undefined;
  batch.value = clips.map((clip, index) => ({
    ...clip,
    index,
    progress: undefined,
    result: undefined,
    failure: undefined,
    stopped: false,
  }));
  latest.value = 'batch';
  bringIntoView('batch');
  const update = (index: number, change: Partial<BatchRow>): void => {
    batch.value = batch.value.map((row) => (row.index === index ? { ...row, ...change } : row));
    on.done(batch.value.filter((row) => row.result ?? row.failure).length, clips.length);
  };
  let problem = NO_RESPONSE;
  try {
    await sendForm('api/batch', form, signal, {
      sent: (fraction) => (fraction < 1 ? on.sending(fraction) : on.done(0, clips.length)),
      event: (name, data) => {
        const { index, ...rest } = data as { index: number };
        if (name === 'progress') update(index, { progress: rest as Progress });
        if (name === 'result') update(index, { result: (data as { result: ClipResult }).result });
        if (name === 'failure') update(index, { failure: failureFrom(data) });
        if (name === 'error') problem = failureFrom(data);
        if (name === 'done') batchSummary.value = data as BatchSummary;
      },
    });
    const summary = batchSummary.value as BatchSummary | undefined;
    if (summary === undefined) throw new ApiError(problem);
    announce(texts.value.batch.summary(summary.done, summary.failed));
  } catch (error) {
    batch.value = batch.value.map((row) => (row.result || row.failure ? row : { ...row, stopped: true }));
    throw error;
  }
}

/** Keys of the rows that have a result or failed. */
export function settledKeys(): number[] {
  return batch.value.filter((row) => !row.stopped).map(({ key }) => key);
}
