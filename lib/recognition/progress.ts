import type { Progress } from '../options/types.js';
import type { RunObserver } from '../scheduler/run.js';

const LOADING_STEP_MS = 50;

/** Tells a listener what a call is doing, each time that it is something else, until `end`. */
export class ProgressReport {
  #listener: ((progress: Progress) => void) | undefined;
  #said = '';
  #runs = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(listener: ((progress: Progress) => void) | undefined) {
    this.#listener = listener;
  }

  /** What tells of a window's turn, where anybody listens. A clip runs from its first window on. */
  watch(heard: () => { done: number; total: number }): RunObserver | undefined {
    if (this.#listener === undefined) return undefined;
    return {
      onQueued: (ahead) => {
        if (!this.#runs) this.tell({ stage: 'queued', ahead });
      },
      onStart: () => {
        this.#runs = true;
        this.tell({ stage: 'running', ...heard() });
      },
    };
  }

  tell(progress: Progress): void {
    if (this.#listener === undefined) return;
    const text = JSON.stringify(progress);
    if (text === this.#said) return;
    this.#said = text;
    try {
      this.#listener(progress);
    } catch {
      // The listener's own trouble must not become the clip's.
    }
  }

  /** Tells how the model's loading comes on, until `loaded` settles. */
  async follow(loaded: Promise<unknown>, fraction: () => number): Promise<void> {
    if (this.#listener === undefined) return;
    const tell = (): void => this.tell({ stage: 'loading', fraction: fraction() });
    tell();
    this.#timer = setInterval(tell, LOADING_STEP_MS);
    await loaded.catch(() => undefined);
    clearInterval(this.#timer);
  }

  end(): void {
    this.#listener = undefined;
    clearInterval(this.#timer);
  }
}
