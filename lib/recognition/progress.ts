import type { ModelLease } from '../model/model-holder.js';
import type { Progress } from '../options/types.js';
import type { RunObserver } from '../scheduler/run.js';

/** Reports the progress of a request to a listener each time it changes, until `end` is called. */
export class ProgressReporter {
  #listener: ((progress: Progress) => void) | undefined;
  #reported = '';
  #runs = false;
  #unfollow: (() => void) | undefined;

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

  /** Reports the progress of a load until it settles. */
  async reportLoading({ model, followLoad }: Pick<ModelLease, 'model' | 'followLoad'>): Promise<void> {
    if (this.#listener === undefined) return;
    this.#unfollow = followLoad((fraction) => this.report({ stage: 'loading', fraction }));
    await model.catch(() => undefined);
    this.#unfollow();
  }

  end(): void {
    this.#listener = undefined;
    this.#unfollow?.();
  }
}
