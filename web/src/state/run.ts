/** What the page is doing with the recordings that were chosen. */
import { computed, signal } from '@preact/signals';

import { ApiError, failureIn, failureOf, file as fileOf, getBytes, GONE, sendForm } from '../api/client.js';
import type { ApiFailure, ClipResult, Progress } from '../api/types.js';
import { texts } from '../i18n/index.js';
import { recogniseMany, settledKeys } from './batch.js';
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

/** Hears what is chosen: one recording, or a batch of them. What is through is chosen no more. */
export async function recognise(): Promise<void> {
  const clips = chosen.value;
  const most = status.value?.limits.files ?? Infinity;
  if (clips.length === 0 || busy.value) return;
  if (clips.length > most) {
    fail({ code: 'ERR_TOO_MANY_FILES', message: texts.value.error.tooMany(most) });
    return;
  }
  await work(clips, async (signal) => {
    if (clips.length === 1) {
      await recogniseOne(clips[0]!, granularity.value, signal);
      unchoose([clips[0]!.key]);
      return;
    }
    try {
      await recogniseMany(clips, formOf(clips, granularity.value), signal, {
        sending: (fraction) => (stage.value = { stage: 'sending', fraction }),
        heard: (done, total) => (stage.value = { stage: 'batch', done, total }),
      });
    } finally {
      unchoose(settledKeys());
    }
  });
}

/** Hears the shown clip again, for its timeline. */
export async function makeTimeline(): Promise<void> {
  if (shown.value === undefined || busy.value) return;
  const { result, sound } = shown.value;
  await work([], async (signal) => {
    const { id, file: name } = result;
    const bytes = sound ?? (id === null ? undefined : await getBytes(fileOf(id, 'processed_audio.wav')));
    if (bytes === undefined) return;
    const file = new File([bytes], name, { type: sound?.type ?? 'audio/wav' });
    await recogniseOne({ file, name }, 'frame', signal);
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

/** A file that was changed or removed since it was chosen looks like a server that is away. */
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

async function recogniseOne(clip: Named, what: Granularity, signal: AbortSignal): Promise<void> {
  let told = false;
  let problem = GONE;
  await sendForm('api/recognize', formOf([clip], what), signal, {
    sent: (fraction) => (stage.value = { stage: 'sending', fraction }),
    event: (name, data) => {
      if (name === 'progress') stage.value = data as Progress;
      if (name === 'result') show({ result: data as ClipResult, sound: clip.file });
      if (name === 'error') problem = failureIn(data);
      told ||= name === 'result';
    },
  });
  if (!told) throw new ApiError(problem);
}
