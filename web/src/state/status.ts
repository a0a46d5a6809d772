import { effect, signal } from '@preact/signals';

import { getStatus } from '../api/client.js';
import type { ServerStatus } from '../api/types.js';

const CALM_MS = 5000;
const LOADING_MS = 300;

/** Undefined until the server has answered, and while it does not. */
export const status = signal<ServerStatus | undefined>(undefined);
export const offline = signal(false);

let timer: number | undefined;

export async function refreshStatus(): Promise<void> {
  clearTimeout(timer);
  try {
    status.value = await getStatus();
    offline.value = false;
  } catch {
    offline.value = true;
  }
  if (document.visibilityState === 'visible') {
    timer = window.setTimeout(
      () => void refreshStatus(),
      status.value?.model.state === 'loading' ? LOADING_MS : CALM_MS,
    );
  }
}

/** Asks again and again, while somebody looks. */
export function watchStatus(busy: () => boolean): void {
  document.addEventListener('visibilitychange', () => void refreshStatus());
  effect(() => {
    busy();
    void refreshStatus();
  });
}
