import type { Pcm } from '../audio/pcm.js';
import type { ModelOutput, RequestedOutputs } from '../model/emotion-model.js';
import type { ModelUse } from '../model/model-use.js';
import type { Device } from '../options/types.js';
import { modelRunner } from '../scheduler/model-batches.js';
import type { RequestContext, RunObserver, RunResult } from '../scheduler/run.js';
import type { EmotionError } from '../shared/errors.js';

/** The settings of a recognizer that decide on which device a clip runs, and in which batch. */
export interface RunSettings {
  device: Device;
  maxBatch?: number | undefined;
}

export const LOGITS_ONLY: RequestedOutputs = { frameLogits: false, features: false };

/**
 * Runs the clips of one request on the model. If the device option is `auto`, a clip that exhausts the memory of its CUDA
 * device moves to the CPU, together with the model.
 */
export class ClipRunner {
  readonly #settings: RunSettings;
  readonly #use: ModelUse;
  readonly #run: RequestContext<Pcm, ModelOutput>['run'];

  constructor(settings: RunSettings, use: ModelUse, run: RequestContext<Pcm, ModelOutput>['run']) {
    this.#settings = settings;
    this.#use = use;
    this.#run = run;
  }

  async run(clip: Pcm, outputs = LOGITS_ONLY, observer?: RunObserver): Promise<RunResult<ModelOutput>> {
    const { device, maxBatch } = this.#settings;
    const model = await this.#use.model();
    const canMove = device === 'auto' && model.device !== 'cpu';
    const fallback = async (error: EmotionError) => modelRunner(await this.#use.moveToCpu(error), outputs, maxBatch);
    const options = { observer, ...(canMove && { fallback }) };
    return this.#run(modelRunner(model, outputs, maxBatch), clip, clip.samples.length, options);
  }
}
