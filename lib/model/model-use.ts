import { outOfMemory, tellFallback } from '../device/placement.js';
import type { EmotionError } from '../shared/errors.js';
import type { EmotionModel } from './emotion-model.js';
import type { ModelHolder, ModelLease } from './model-holder.js';

/** One call's use of the model: another one, once memory has run out on its device. */
export class ModelUse {
  readonly #holder: ModelHolder;
  readonly #leases: ModelLease[] = [];
  #current: EmotionModel | undefined;

  constructor(holder: ModelHolder) {
    this.#holder = holder;
    this.#leases.push(holder.acquire());
  }

  get first(): ModelLease {
    return this.#leases[0]!;
  }

  /** The model, loaded. */
  async model(): Promise<EmotionModel> {
    this.#current ??= await this.#leases.at(-1)!.model;
    return this.#current;
  }

  /** The model on the CPU, in the place of one whose device has no memory left. Once for all calls that find that out. */
  async moveToCpu(error: EmotionError): Promise<EmotionModel> {
    const crowded = await this.model();
    if (crowded.device === 'cpu') return crowded; // another window of this call was quicker
    if (this.#holder.moveToCpu(crowded)) tellFallback(crowded.file, outOfMemory(crowded.device, error));
    this.#leases.push(this.#holder.acquire());
    this.#current = undefined;
    return this.model();
  }

  release(): void {
    for (const lease of this.#leases) lease.release();
  }
}
