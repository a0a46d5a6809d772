import type { Pcm } from '../audio/pcm.js';
import type { EmotionModel, ModelOutput, RequestedOutputs } from '../model/emotion-model.js';
import { isOutOfMemory } from '../shared/errors.js';
import { events, type RunEvent } from '../shared/events.js';
import { largest } from '../shared/largest.js';
import type { BatchRunner } from './run.js';

export type ModelRunner = BatchRunner<Pcm, ModelOutput>;

/**
 * Maximum seconds of padded audio in a batch. Measured on the CPU (docs/guide/serving.md): batches of short clips gain up to
 * threefold. Above this length the caches of the processor are full, and ten seconds already keep all of its cores busy.
 */
const MAX_BATCH_SECONDS = 16;
/** The same on CUDA, where long batches gain too. Not measured. */
const MAX_CUDA_BATCH_SECONDS = 160;
/** Maximum number of clips in a batch of a model whose results do not depend on the batch. */
const DEFAULT_MAX_BATCH = 16;

/** Milliseconds above which a run counts as slow if it also takes longer than the duration of its audio. */
const SLOW_RUN_MS = 1000;

const runners = new WeakMap<EmotionModel, Map<string, ModelRunner>>();

/** Returns the runner of a model for these outputs. It is always the same object, because it is a batch key. */
export function modelRunner(model: EmotionModel, outputs: RequestedOutputs, maxBatch: number | undefined): ModelRunner {
  const ofModel = runners.get(model) ?? new Map<string, ModelRunner>();
  runners.set(model, ofModel);
  const key = JSON.stringify([outputs.frameLogits, outputs.features]);
  const runner = ofModel.get(key) ?? createRunner(model, outputs, maxBatch);
  ofModel.set(key, runner);
  return runner;
}

function createRunner(model: EmotionModel, outputs: RequestedOutputs, maxBatch: number | undefined): ModelRunner {
  const { card } = model;
  const seconds = model.device === 'cpu' ? MAX_BATCH_SECONDS : MAX_CUDA_BATCH_SECONDS;
  const runner = {
    parallel: model.parallel,
    maxBatch: maxBatch ?? (model.batchesExactly ? DEFAULT_MAX_BATCH : 1),
    maxPadded: seconds * card.sampleRate,
    async run(clips: readonly Pcm[], signal: AbortSignal) {
      const result = await model.run(clips, outputs, signal).catch((error: unknown) => {
        // Later batches stay below the size that was too large. A clip that runs alone is not limited by this.
        if (isOutOfMemory(error) && clips.length > 1) {
          const padded = clips.length * largest(clips.map(({ samples }) => samples.length));
          runner.maxPadded = Math.min(runner.maxPadded, Math.ceil(padded / 2));
        }
        throw error;
      });
      const audioMs = clips.reduce((sum, { samples }) => sum + (1000 * samples.length) / card.sampleRate, 0);
      const event: RunEvent = { model: card.name, clips: clips.length, audioMs, runMs: result.runMs };
      events.run.publish(event);
      if (result.runMs > Math.max(SLOW_RUN_MS, audioMs)) events.slowRun.publish(event);
      return result;
    },
  };
  return runner;
}
