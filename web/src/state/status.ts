import { effect, signal } from '@preact/signals';

import { failureOf, getStatus } from '../api/client.js';
import type { ServerStatus } from '../api/types.js';

const CALM_MS = 5000;
const LOADING_MS = 300;

/** Undefined until the server has answered. */
export const status = signal<ServerStatus | undefined>(undefined);
export const offline = signal(false);
/** Whether the server asks for its token again. */
export const locked = signal(false);

let timer: number | undefined;
/** The newest question; only it asks on. */
let turn = 0;

export async function refreshStatus(): Promise<void> {
  const mine = ++turn;
  clearTimeout(timer);
  try {
    status.value = await getStatus();
    offline.value = locked.value = false;
  } catch (error) {
    locked.value = failureOf(error).code === 'ERR_UNAUTHORIZED';
    offline.value = !locked.value;
  }
  if (mine === turn && document.visibilityState === 'visible') {
    timer = window.setTimeout(
      () => void refreshStatus(),
      status.value?.model.state === 'loading' ? LOADING_MS : CALM_MS,
    );
  }
}

/** Asks again and again, while somebody looks; at once when work begins or ends. */
export function watchStatus(busy: () => boolean): void {
  document.addEventListener('visibilitychange', () => void refreshStatus());
  effect(() => {
    busy();
    void refreshStatus();
  });
}
