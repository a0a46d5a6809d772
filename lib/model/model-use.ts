import { outOfMemory, reportFallback } from '../device/placement.js';
import type { EmotionError } from '../shared/errors.js';
import type { EmotionModel } from './emotion-model.js';
import type { ModelHolder, ModelLease } from './model-holder.js';

/** The use of the model by one request. It switches to a model on the CPU if the device of the first model runs out of memory. */
export class ModelUse {
  readonly #holder: ModelHolder;
  readonly #leases: ModelLease[] = [];
  #current: EmotionModel | undefined;

  constructor(holder: ModelHolder) {
    this.#holder = holder;
    this.#leases.push(holder.acquire());
  }

  /** The lease from the start of the request. */
  get first(): ModelLease {
    return this.#leases[0]!;
  }

  /** Returns the model, once it is loaded. */
  async model(): Promise<EmotionModel> {
    this.#current ??= await this.#leases.at(-1)!.model;
    return this.#current;
  }

  /**
   * Replaces a model whose device has no memory left by the same model on the CPU, which loads once for all requests that do so.
   * @param error the error that reported the shortage
   */
  async moveToCpu(error: EmotionError): Promise<EmotionModel> {
    const crowded = await this.model();
    if (crowded.device === 'cpu') return crowded; // another window of this request did so before
    if (this.#holder.moveToCpu(crowded)) reportFallback(crowded.file, outOfMemory(crowded.device, error));
    this.#leases.push(this.#holder.acquire());
    this.#current = undefined;
    return this.model();
  }

  release(): void {
    for (const lease of this.#leases) lease.release();
  }
}
