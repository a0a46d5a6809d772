import { events, type UnloadEvent } from '../shared/events.js';
import type { LoadWatch } from '../torch/torch-module.js';
import type { ModelCard } from './card.js';
import type { EmotionModel } from './emotion-model.js';

/** A use of the model, from before it is loaded until `release`. */
export interface ModelLease {
  model: Promise<EmotionModel>;
  /** Before the model is loaded, where it can be read by itself. */
  card: Promise<ModelCard>;
  /** Of its archive that has been read, 0 to 1. 0 while libtorch itself opens. */
  loadFraction(): number;
  release(): void;
}

interface Held {
  model: Promise<EmotionModel>;
  card: Promise<ModelCard>;
  watch: LoadWatch;
  users: number;
  retired: UnloadEvent['reason'] | undefined;
  gone: Promise<void>;
  markGone: () => void;
}

function fractionOf(held: Held): number {
  return held.watch.fraction?.() ?? 0;
}

/** Loads a model once however many ask, keeps it while it is used, and gives it back: when told to, or when idle. */
export class ModelHolder {
  readonly #load: (watch: LoadWatch, onCpu: boolean) => Promise<EmotionModel>;
  readonly #readCard: () => Promise<ModelCard>;
  readonly #idleMs: number | undefined;
  #held: Held | undefined;
  #loaded: EmotionModel | undefined;
  #idle: NodeJS.Timeout | undefined;
  /** Whether the next load is on the CPU, whatever the device option says. */
  #nextOnCpu = false;

  /** @param load `onCpu`: wherever it would go otherwise */
  constructor(
    load: (watch: LoadWatch, onCpu: boolean) => Promise<EmotionModel>,
    readCard: () => Promise<ModelCard>,
    idleMs: number | undefined,
  ) {
    this.#load = load;
    this.#readCard = readCard;
    this.#idleMs = idleMs;
  }

  /** The model, once it is loaded and until it is given up. */
  get loaded(): EmotionModel | undefined {
    return this.#loaded;
  }

  /** Of its archive that has been read, 0 to 1, while it is on its way. */
  get loading(): number | undefined {
    return this.#held === undefined || this.#loaded !== undefined ? undefined : fractionOf(this.#held);
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
    return { model: held.model, card: held.card, loadFraction: () => fractionOf(held), release };
  }

  /**
   * Gives a model up whose device has no memory left, for one on the CPU, until that is given up. False where somebody has done it
   * already.
   */
  moveToCpu(model: EmotionModel): boolean {
    if (this.#loaded !== model) return false;
    this.#nextOnCpu = true;
    void this.unload('moved');
    return true;
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
    const watch: LoadWatch = {};
    const model = this.#load(watch, this.#nextOnCpu);
    this.#nextOnCpu = false;
    const card = this.#readCard().catch(async () => (await model).card); // loading tells best what is wrong
    card.catch(() => undefined);
    const held: Held = { model, card, watch, users: 0, retired: undefined, gone, markGone };
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
