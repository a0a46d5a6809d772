import { createParser } from 'eventsource-parser';

import type { ApiFailure, ClipResult, ResultSummary, ServerStatus } from './types.js';

/** A failed request: the error of the server, or that there was no response. */
export class ApiError extends Error {
  readonly failure: ApiFailure;

  constructor(failure: ApiFailure) {
    super(failure.message);
    this.failure = failure;
  }
}

export function failureOf(error: unknown): ApiFailure {
  if (error instanceof ApiError) return error.failure;
  return { code: 'ERR_PAGE', message: error instanceof Error ? error.message : String(error) };
}

/** The failure if there is no response, or an incomplete one. */
export const NO_RESPONSE: ApiFailure = { code: 'ERR_NETWORK', message: 'The server does not respond.' };

async function request(path: string, init?: RequestInit): Promise<Response> {
  const response = await fetch(path, init).catch(() => {
    throw new ApiError(NO_RESPONSE);
  });
  if (!response.ok) throw new ApiError(failureFromText(await response.text(), response.status));
  return response;
}

async function json<T>(path: string): Promise<T> {
  return (await (await request(path)).json()) as T;
}

export const getStatus = (): Promise<ServerStatus> => json('api/status');
export const getResult = (id: string): Promise<ClipResult> => json(`api/results/${id}`);
export const getPeaks = (id: string): Promise<{ duration: number; peaks: number[] }> =>
  json(`api/results/${id}/peaks?count=1200`);

export function getResults(before?: string): Promise<{ results: ResultSummary[]; next: string | null }> {
  return json(`api/results?limit=20${before === undefined ? '' : `&before=${before}`}`);
}

export async function deleteResult(id: string): Promise<void> {
  await request(`api/results/${id}`, { method: 'DELETE' });
}

export async function getBytes(path: string): Promise<ArrayBuffer> {
  return (await request(path)).arrayBuffer();
}

/** URLs are relative, because a proxy may mount the page under any path. The links in results are absolute. */
export const file = (id: string, name: string): string => `api/results/${id}/${name}`;
export const batchFile = (id: string, format: 'csv' | 'ndjson' | 'zip'): string => `api/batch/${id}/${format}`;

/**
 * Sends a form and receives the events of the answer. `sent` is called with the fraction of the form, 0 to 1, that has been sent.
 */
export function sendForm(
  path: string,
  form: FormData,
  signal: AbortSignal,
  on: { sent: (fraction: number) => void; event: (name: string, data: unknown) => void },
): Promise<void> {
  return new Promise((resolve, reject) => {
    const call = new XMLHttpRequest(); // fetch does not report upload progress
    let read = 0;
    const parser = createParser({
      onEvent: ({ event, data }) => on.event(event ?? 'message', JSON.parse(data) as unknown),
    });
    const readOn = (): void => {
      if (call.status !== 200) return;
      const text = call.responseText.slice(read);
      read += text.length;
      parser.feed(text);
    };
    call.open('POST', path);
    call.setRequestHeader('Accept', 'text/event-stream');
    call.upload.onprogress = ({ loaded, total }) => on.sent(total > 0 ? loaded / total : 0);
    call.upload.onload = () => on.sent(1);
    call.onprogress = readOn;
    call.onload = () => {
      readOn();
      if (call.status === 200) resolve();
      else reject(new ApiError(failureFromText(call.responseText, call.status)));
    };
    call.onerror = () => reject(new ApiError(NO_RESPONSE));
    call.onabort = () => reject(signal.reason as Error);
    signal.addEventListener('abort', () => call.abort(), { once: true });
    call.send(form);
  });
}

/** Reads the failure from an error answer of the server. */
export function failureFrom(body: unknown): ApiFailure {
  const { error, requestId } = body as { error: ApiFailure; requestId?: string };
  return { code: error.code, message: error.message, requestId };
}

function failureFromText(text: string, status: number): ApiFailure {
  try {
    return failureFrom(JSON.parse(text));
  } catch {
    return { code: `HTTP_${status}`, message: `The server answered with status ${status}.` };
  }
}
