/** What the page is doing: which recordings are chosen, what becomes of them, and what is shown. */
import { computed, signal } from '@preact/signals';

import { ApiError, failureOf, getResult, sendForm } from '../api/client.js';
import type { ApiFailure, BatchSummary, ClipResult, Progress } from '../api/types.js';
import { announce, texts } from '../i18n/index.js';
import { emotionName } from './emotions.js';
import { refreshHistory } from './history.js';
import { embedding, granularity } from './settings.js';
import { refreshStatus } from './status.js';

export interface Chosen {
  key: number;
  file: File;
}

export type Stage =
  | Progress
  | { stage: 'idle' }
  | { stage: 'sending'; fraction: number }
  | { stage: 'batch'; done: number; total: number };

/** A result that is shown, and its sound where the page has it itself. */
export interface Shown {
  result: ClipResult;
  sound: Blob | undefined;
}

export interface BatchRow {
  index: number;
  name: string;
  file: File;
  progress: Progress | undefined;
  result: ClipResult | undefined;
  failure: ApiFailure | undefined;
}

export const chosen = signal<Chosen[]>([]);
export const stage = signal<Stage>({ stage: 'idle' });
export const shown = signal<Shown | undefined>(undefined);
export const failure = signal<ApiFailure | undefined>(undefined);
export const batch = signal<BatchRow[]>([]);
export const batchSummary = signal<BatchSummary | undefined>(undefined);
export const busy = computed(() => stage.value.stage !== 'idle');

let keys = 0;
let running: AbortController | undefined;

export function choose(files: Iterable<File>): void {
  failure.value = undefined;
  const added = Array.from(files, (file) => ({ key: keys++, file }));
  if (added.length > 0) chosen.value = [...chosen.value, ...added];
}

export function unchoose(key: number): void {
  chosen.value = chosen.value.filter((entry) => entry.key !== key);
}

export function cancel(): void {
  running?.abort(new Cancelled());
}

/** What is wrong with an answer that ends in the middle. */
const GONE: ApiFailure = { code: 'ERR_NETWORK', message: '' };

class Cancelled extends Error {}

/** Hears what is chosen: one recording, or a batch of them. */
export async function recognise(): Promise<void> {
  const files = chosen.value.map((entry) => entry.file);
  if (files.length === 0 || busy.value) return;
  running = new AbortController();
  failure.value = undefined;
  stage.value = { stage: 'sending', fraction: 0 };
  try {
    if (files.length === 1) await recogniseOne(files[0]!, running.signal);
    else await recogniseMany(files, running.signal);
    chosen.value = [];
  } catch (error) {
    if (!(error instanceof Cancelled)) fail(failureOf(error));
  } finally {
    running = undefined;
    stage.value = { stage: 'idle' };
    void refreshHistory();
    void refreshStatus();
  }
}

/** Hears the shown clip again, for its timeline. */
export async function makeTimeline(): Promise<void> {
  const sound = shown.value?.sound;
  if (sound === undefined) return;
  granularity.value = 'frame';
  chosen.value = [{ key: keys++, file: new File([sound], shown.value!.result.file, { type: sound.type }) }];
  await recognise();
}

/** Shows a result that was kept. */
export async function open(id: string): Promise<void> {
  failure.value = undefined;
  try {
    show({ result: await getResult(id), sound: undefined });
  } catch (error) {
    fail(failureOf(error));
  }
}

export function show(next: Shown): void {
  shown.value = next;
  const { emotion, confidence } = next.result;
  requestAnimationFrame(bringResultIntoView);
  announce(`${emotionName(emotion)}, ${texts.value.result.confidence(`${Math.round(100 * confidence)} %`)}`);
}

/** On a phone the result lies below what asked for it. */
function bringResultIntoView(): void {
  const panel = document.getElementById('result');
  const top = panel?.getBoundingClientRect().top ?? 0;
  if (top < 0 || top > window.innerHeight / 2) panel?.scrollIntoView({ block: 'start', behavior: 'smooth' });
}

export function fail(problem: ApiFailure): void {
  failure.value = problem;
}

/** What a person can do about it, in his language; what the server says where the page knows nothing better. */
export function wordsFor({ code, message }: ApiFailure): string {
  return texts.value.error.codes[code] ?? message;
}

function formOf(files: readonly File[]): FormData {
  const form = new FormData();
  form.set('granularity', granularity.value);
  form.set('embedding', String(embedding.value));
  for (const file of files) form.append('file', file, file.name);
  return form;
}

async function recogniseOne(file: File, signal: AbortSignal): Promise<void> {
  let told = false;
  let problem = GONE;
  await sendForm('api/recognize', formOf([file]), signal, {
    sent: (fraction) => (stage.value = { stage: 'sending', fraction }),
    event: (name, data) => {
      if (name === 'progress') stage.value = data as Progress;
      if (name === 'result') show({ result: data as ClipResult, sound: file });
      if (name === 'error') problem = errorIn(data);
      told ||= name === 'result';
    },
  });
  if (!told) throw new ApiError(problem);
}

async function recogniseMany(files: readonly File[], signal: AbortSignal): Promise<void> {
  batchSummary.value = undefined;
  batch.value = files.map((file, index) => ({
    index,
    name: file.name,
    file,
    progress: undefined,
    result: undefined,
    failure: undefined,
  }));
  const update = (index: number, change: Partial<BatchRow>): void => {
    batch.value = batch.value.map((row) => (row.index === index ? { ...row, ...change } : row));
    const done = batch.value.filter((row) => row.result ?? row.failure).length;
    stage.value = { stage: 'batch', done, total: files.length };
  };
  stage.value = { stage: 'batch', done: 0, total: files.length };
  let told = false;
  let problem = GONE;
  await sendForm('api/batch', formOf(files), signal, {
    sent: () => {},
    event: (name, data) => {
      const { index, ...rest } = data as { index: number };
      if (name === 'progress') update(index, { progress: rest as Progress });
      if (name === 'result') update(index, { result: (data as { result: ClipResult }).result });
      if (name === 'failure') update(index, { failure: errorIn(data) });
      if (name === 'error') problem = errorIn(data);
      if (name === 'done') batchSummary.value = data as BatchSummary;
      told ||= name === 'done';
    },
  });
  if (!told) throw new ApiError(problem);
  const summary = batchSummary.value as BatchSummary | undefined;
  if (summary !== undefined) announce(texts.value.batch.summary(summary.done, summary.failed));
}

function errorIn(data: unknown): ApiFailure {
  const { error, requestId } = data as { error: ApiFailure; requestId?: string };
  return { ...error, requestId };
}
