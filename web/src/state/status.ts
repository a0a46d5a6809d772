import { effect, signal } from '@preact/signals';

import { failureOf, getStatus } from '../api/client.js';
import type { ServerStatus } from '../api/types.js';

/** Intervals of requests, in general and while the model loads. */
const REFRESH_MS = 5000;
const LOADING_REFRESH_MS = 300;

/** Undefined until the server has responded. */
export const status = signal<ServerStatus | undefined>(undefined);
export const offline = signal(false);
/** Whether the server requires the token again. */
export const locked = signal(false);

let timer: number | undefined;
/** Number of the latest request. Only the latest one schedules the next. */
let latestRequest = 0;

export async function refreshStatus(): Promise<void> {
  const request = ++latestRequest;
  clearTimeout(timer);
  try {
    status.value = await getStatus();
    offline.value = locked.value = false;
  } catch (error) {
    locked.value = failureOf(error).code === 'ERR_UNAUTHORIZED';
    offline.value = !locked.value;
  }
  if (request === latestRequest && document.visibilityState === 'visible') {
    timer = window.setTimeout(
      () => void refreshStatus(),
      status.value?.model.state === 'loading' ? LOADING_REFRESH_MS : REFRESH_MS,
    );
  }
}

/** Refreshes the status while the page is visible, and at once when work begins or ends. */
export function watchStatus(busy: () => boolean): void {
  document.addEventListener('visibilitychange', () => void refreshStatus());
  effect(() => {
    busy();
    void refreshStatus();
  });
}
