/** Recognizing the selected recordings. */
import { computed, signal } from '@preact/signals';

import { ApiError, failureFrom, failureOf, file as fileOf, getBytes, NO_RESPONSE, sendForm } from '../api/client.js';
import type { ApiFailure, ClipResult, Progress } from '../api/types.js';
import { texts } from '../i18n/index.js';
import { recognizeMany, settledKeys } from './batch.js';
import { type Chosen, chosen, unchoose } from './chosen.js';
import { fail, failure } from './failure.js';
import { refreshHistory } from './history.js';
import { embedding, type Granularity, granularity } from './settings.js';
import { show, shown } from './shown.js';
import { status } from './status.js';

export type Stage =
  | Progress
  | { stage: 'idle' }
  | { stage: 'sending'; fraction: number }
  | { stage: 'batch'; done: number; total: number };

export const stage = signal<Stage>({ stage: 'idle' });
export const busy = computed(() => stage.value.stage !== 'idle');

let running: AbortController | undefined;

export function cancel(): void {
  running?.abort(new Cancelled());
}

class Cancelled extends Error {}

/** Recognizes the selected recordings: one, or several as a batch. Those that are done are removed from the selection. */
export async function recognize(): Promise<void> {
  const clips = chosen.value;
  const max = status.value?.limits.files ?? Infinity;
  if (clips.length === 0 || busy.value) return;
  if (clips.length > max) {
    fail({ code: 'ERR_TOO_MANY_FILES', message: texts.value.error.tooMany(max) });
    return;
  }
  await work(clips, async (signal) => {
    if (clips.length === 1) {
      await recognizeOne(clips[0]!, granularity.value, signal);
      unchoose([clips[0]!.key]);
      return;
    }
    try {
      await recognizeMany(clips, formOf(clips, granularity.value), signal, {
        sending: (fraction) => (stage.value = { stage: 'sending', fraction }),
        done: (done, total) => (stage.value = { stage: 'batch', done, total }),
      });
    } finally {
      unchoose(settledKeys());
    }
  });
}

/** Recognizes the shown clip again, with a timeline. */
export async function makeTimeline(): Promise<void> {
  if (shown.value === undefined || busy.value) return;
  const { result, audio } = shown.value;
  await work([], async (signal) => {
    const { id, file: name } = result;
    const bytes = audio ?? (id === null ? undefined : await getBytes(fileOf(id, 'processed_audio.wav')));
    if (bytes === undefined) return;
    const file = new File([bytes], name, { type: audio?.type ?? 'audio/wav' });
    await recognizeOne({ file, name }, 'frame', signal);
  });
}

async function work(clips: readonly Chosen[], task: (signal: AbortSignal) => Promise<void>): Promise<void> {
  running = new AbortController();
  failure.value = undefined;
  stage.value = { stage: 'sending', fraction: 0 };
  try {
    await task(running.signal);
  } catch (error) {
    if (!(error instanceof Cancelled)) fail((await unreadable(error, clips)) ?? failureOf(error));
  } finally {
    running = undefined;
    stage.value = { stage: 'idle' };
    void refreshHistory();
  }
}

/**
 * Finds a file that was changed or removed after it was selected. In the browser this looks like a server that does not respond.
 */
async function unreadable(error: unknown, clips: readonly Chosen[]): Promise<ApiFailure | undefined> {
  if (failureOf(error).code !== 'ERR_NETWORK') return undefined;
  for (const { file, name } of clips) {
    try {
      await file.slice(0, 1).arrayBuffer();
    } catch {
      return { code: 'ERR_FILE_READ', message: texts.value.error.unreadable(name) };
    }
  }
  return undefined;
}

type Named = Pick<Chosen, 'file' | 'name'>;

function formOf(clips: readonly Named[], what: Granularity): FormData {
  const form = new FormData();
  form.set('granularity', what);
  form.set('embedding', String(embedding.value));
  for (const { file, name } of clips) form.append('file', file, name);
  return form;
}

async function recognizeOne(clip: Named, what: Granularity, signal: AbortSignal): Promise<void> {
  let received = false;
  let problem = NO_RESPONSE;
  await sendForm('api/recognize', formOf([clip], what), signal, {
    sent: (fraction) => (stage.value = { stage: 'sending', fraction }),
    event: (name, data) => {
      if (name === 'progress') stage.value = data as Progress;
      if (name === 'result') show({ result: data as ClipResult, audio: clip.file });
      if (name === 'error') problem = failureFrom(data);
      received ||= name === 'result';
    },
  });
  if (!received) throw new ApiError(problem);
}
