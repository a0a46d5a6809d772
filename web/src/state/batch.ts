/** Many recordings at once: what becomes of each. */
import { signal } from '@preact/signals';

import { ApiError, failureIn, GONE, sendForm } from '../api/client.js';
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
  /** Whether the batch ended before it was this one's turn. */
  stopped: boolean;
}

export const batch = signal<BatchRow[]>([]);
export const batchSummary = signal<BatchSummary | undefined>(undefined);

export interface BatchStages {
  /** 0 to 1 of the form. */
  sending: (fraction: number) => void;
  heard: (done: number, total: number) => void;
}

/** @throws ApiError where the batch came to no end; its rows tell how far it came */
export async function recogniseMany(
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
    on.heard(batch.value.filter((row) => row.result ?? row.failure).length, clips.length);
  };
  let problem = GONE;
  try {
    await sendForm('api/batch', form, signal, {
      sent: (fraction) => (fraction < 1 ? on.sending(fraction) : on.heard(0, clips.length)),
      event: (name, data) => {
        const { index, ...rest } = data as { index: number };
        if (name === 'progress') update(index, { progress: rest as Progress });
        if (name === 'result') update(index, { result: (data as { result: ClipResult }).result });
        if (name === 'failure') update(index, { failure: failureIn(data) });
        if (name === 'error') problem = failureIn(data);
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

/** Keys of the rows that are through, one way or the other. */
export function settledKeys(): number[] {
  return batch.value.filter((row) => !row.stopped).map(({ key }) => key);
}
