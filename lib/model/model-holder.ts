import { events, type UnloadEvent } from '../events.js';
import type { EmotionModel } from './emotion-model.js';

/** A use of the model, from before it is loaded until `release`. */
export interface ModelLease {
  model: Promise<EmotionModel>;
  release(): void;
}

interface Held {
  model: Promise<EmotionModel>;
  users: number;
  retired: UnloadEvent['reason'] | undefined;
  gone: Promise<void>;
  markGone: () => void;
}

/** Loads a model once however many ask, keeps it while it is used, and gives it back: when told to, or when idle. */
export class ModelHolder {
  readonly #load: () => Promise<EmotionModel>;
  readonly #idleMs: number | undefined;
  #held: Held | undefined;
  #loaded: EmotionModel | undefined;
  #idle: NodeJS.Timeout | undefined;

  constructor(load: () => Promise<EmotionModel>, idleMs: number | undefined) {
    this.#load = load;
    this.#idleMs = idleMs;
  }

  /** The model, once it is loaded and until it is given up. */
  get loaded(): EmotionModel | undefined {
    return this.#loaded;
  }

  /** Whether it is on its way. */
  get loading(): boolean {
    return this.#held !== undefined && this.#loaded === undefined;
  }

  acquire(): ModelLease {
    clearTimeout(this.#idle);
    const held = (this.#held ??= this.#start());
    held.users++;
    let released = false;
    const release = () => {
      if (released) return;
      released = true;
      held.users--;
      if (held.users > 0) return;
      if (held.retired !== undefined) void this.#dispose(held);
      else if (this.#idleMs !== undefined && this.#held === held) {
        this.#idle = setTimeout(() => void this.unload('idle'), this.#idleMs).unref();
      }
    };
    return { model: held.model, release };
  }

  /** Gives the model up, as soon as those who use it have released it; who acquires it from now on loads it again. */
  async unload(reason: UnloadEvent['reason']): Promise<void> {
    clearTimeout(this.#idle);
    const held = this.#held;
    if (held === undefined) return;
    this.#forget(held);
    held.retired = reason;
    if (held.users === 0) void this.#dispose(held);
    await held.gone;
  }

  #start(): Held {
    let markGone = () => {};
    const gone = new Promise<void>((resolve) => (markGone = resolve));
    const held: Held = { model: this.#load(), users: 0, retired: undefined, gone, markGone };
    held.model.then(
      (model) => {
        if (this.#held === held) this.#loaded = model;
      },
      () => this.#forget(held), // the next one tries again
    );
    return held;
  }

  #forget(held: Held): void {
    if (this.#held !== held) return;
    this.#held = undefined;
    this.#loaded = undefined;
  }

  async #dispose(held: Held): Promise<void> {
    try {
      const model = await held.model;
      model.dispose();
      const event: UnloadEvent = { model: model.card.name, file: model.file, reason: held.retired! };
      events.unload.publish(event);
    } catch {
      // It never loaded: the error belongs to those who asked for it.
    }
    held.markGone();
  }
}
