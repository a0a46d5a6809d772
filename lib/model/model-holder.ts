import { events, type UnloadEvent } from '../shared/events.js';
import type { ModelCard } from './card.js';
import type { EmotionArchive } from './emotion-archive.js';
import type { EmotionModel } from './emotion-model.js';

/** The use of a model by one request, from before the model is loaded until `release`. */
export interface ModelLease {
  model: Promise<EmotionModel>;
  /** Settles before the model is loaded. */
  card: Promise<ModelCard>;
  /**
   * Calls the listener with the fraction of the archive that has been read, 0 to 1: at once, and each time it changes. It is 0
   * while libtorch itself is opened.
   * @returns a function that removes the listener
   */
  followLoad(listener: (fraction: number) => void): () => void;
  release(): void;
}

/** The settings of a single load. */
export interface HolderLoad {
  /** Whether the model loads on the CPU regardless of its options. */
  onCpu: boolean;
  onProgress: (fraction: number) => void;
}

/** The steps of loading a model, each called once per load. */
export interface HolderSteps {
  open(): Promise<EmotionArchive>;
  load(archive: EmotionArchive, how: HolderLoad): Promise<EmotionModel>;
}

interface Held {
  model: Promise<EmotionModel>;
  card: Promise<ModelCard>;
  fraction: number;
  readonly followers: Set<(fraction: number) => void>;
  users: number;
  retired: UnloadEvent['reason'] | undefined;
  gone: Promise<void>;
  markGone: () => void;
}

/** Loads a model once for any number of users, keeps it while it is used, and unloads it on request or when it is idle. */
export class ModelHolder {
  readonly #steps: HolderSteps;
  readonly #idleMs: number | undefined;
  #held: Held | undefined;
  #loaded: EmotionModel | undefined;
  #idle: NodeJS.Timeout | undefined;
  /** Whether the next load is on the CPU regardless of the options. */
  #nextOnCpu = false;

  /** @param idleMs milliseconds without a user after which the model is unloaded; undefined: never */
  constructor(steps: HolderSteps, idleMs: number | undefined) {
    this.#steps = steps;
    this.#idleMs = idleMs;
  }

  /** The model, from when it is loaded until it is unloaded. */
  get loaded(): EmotionModel | undefined {
    return this.#loaded;
  }

  /** The fraction of the archive that has been read, 0 to 1, while the model loads. */
  get loading(): number | undefined {
    return this.#loaded === undefined ? this.#held?.fraction : undefined;
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
    const followLoad = (listener: (fraction: number) => void) => {
      held.followers.add(listener);
      listener(held.fraction);
      return () => void held.followers.delete(listener);
    };
    return { model: held.model, card: held.card, followLoad, release };
  }

  /**
   * Unloads a model whose device has no memory left. The next load is on the CPU.
   * @returns false if another request has done so before
   */
  moveToCpu(model: EmotionModel): boolean {
    if (this.#loaded !== model) return false;
    this.#nextOnCpu = true;
    void this.unload('moved');
    return true;
  }

  /** Unloads the model once all its users have released it. A later `acquire` loads it again. */
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
    const onCpu = this.#nextOnCpu;
    this.#nextOnCpu = false;
    const followers: Held['followers'] = new Set();
    const onProgress = (fraction: number) => {
      held.fraction = fraction;
      for (const follower of followers) follower(fraction);
    };
    const archive = this.#steps.open();
    const model = archive.then((opened) => this.#steps.load(opened, { onCpu, onProgress }));
    const card = archive.then((opened) => opened.card);
    card.catch(() => undefined); // `model` rejects with the same error
    const held: Held = { model, card, fraction: 0, followers, users: 0, retired: undefined, gone, markGone };
    held.model.then(
      (model) => {
        if (this.#held === held) this.#loaded = model;
      },
      () => this.#forget(held), // the next request tries again
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
      // The model did not load. The requests for it reject with the error.
    }
    held.markGone();
  }
}
