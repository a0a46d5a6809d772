import type { Progress } from '../options/types.js';
import type { RunObserver } from '../scheduler/run.js';

const LOADING_INTERVAL_MS = 50;

/** Reports the progress of a request to a listener each time it changes, until `end` is called. */
export class ProgressReporter {
  #listener: ((progress: Progress) => void) | undefined;
  #reported = '';
  #runs = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(listener: ((progress: Progress) => void) | undefined) {
    this.#listener = listener;
  }

  /**
   * Returns an observer of a window's run, or undefined if there is no listener. A clip counts as running once its first window
   * runs.
   * @param windows returns the number of windows of the clip that are done, and their total number
   */
  observe(windows: () => { done: number; total: number }): RunObserver | undefined {
    if (this.#listener === undefined) return undefined;
    return {
      onQueued: (ahead) => {
        if (!this.#runs) this.report({ stage: 'queued', ahead });
      },
      onStart: () => {
        this.#runs = true;
        this.report({ stage: 'running', ...windows() });
      },
    };
  }

  report(progress: Progress): void {
    if (this.#listener === undefined) return;
    const text = JSON.stringify(progress);
    if (text === this.#reported) return;
    this.#reported = text;
    try {
      this.#listener(progress);
    } catch {
      // An error in the listener must not fail the request.
    }
  }

  /** Reports the progress of a load until `loaded` settles. */
  async reportLoading(loaded: Promise<unknown>, fraction: () => number): Promise<void> {
    if (this.#listener === undefined) return;
    const report = (): void => this.report({ stage: 'loading', fraction: fraction() });
    report();
    this.#timer = setInterval(report, LOADING_INTERVAL_MS);
    await loaded.catch(() => undefined);
    clearInterval(this.#timer);
  }

  end(): void {
    this.#listener = undefined;
    clearInterval(this.#timer);
  }
}
