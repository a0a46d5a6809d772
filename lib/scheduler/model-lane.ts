import type { Pcm } from '../audio/pcm.js';
import { isOutOfMemory } from '../shared/errors.js';
import { events, type RunEvent } from '../shared/events.js';
import { largest } from '../shared/largest.js';
import type { EmotionModel, ModelOutput, RequestedOutputs } from '../model/emotion-model.js';
import type { Lane } from './turn.js';

export type ModelLane = Lane<Pcm, ModelOutput>;

/**
 * Seconds of padded audio in a batch. Measured on the CPU (docs/serving.md): batches of short clips gain, up to threefold; from
 * there on the processor's caches are full, and ten seconds by themselves keep all of it busy.
 */
const MAX_BATCH_SECONDS = 16;
/** On CUDA, where long batches gain too; not measured. */
const MAX_CUDA_BATCH_SECONDS = 160;
/** Clips in a batch, where the model's answers do not depend on it. */
const DEFAULT_MAX_BATCH = 16;

const SLOW_RUN_MS = 1000;

const lanes = new WeakMap<EmotionModel, Map<string, ModelLane>>();

/** The lane of a model's clips of which the same is wanted. */
export function modelLane(model: EmotionModel, want: RequestedOutputs, maxBatch: number | undefined): ModelLane {
  const ofModel = lanes.get(model) ?? new Map<string, ModelLane>();
  lanes.set(model, ofModel);
  const key = JSON.stringify([want.frameLogits, want.features]);
  const lane = ofModel.get(key) ?? createLane(model, want, maxBatch);
  ofModel.set(key, lane);
  return lane;
}

function createLane(model: EmotionModel, want: RequestedOutputs, maxBatch: number | undefined): ModelLane {
  const { card } = model;
  const seconds = model.device === 'cpu' ? MAX_BATCH_SECONDS : MAX_CUDA_BATCH_SECONDS;
  const lane = {
    parallel: model.parallel,
    maxBatch: maxBatch ?? (model.batchesExactly ? DEFAULT_MAX_BATCH : 1),
    maxPadded: seconds * card.sampleRate,
    async run(clips: readonly Pcm[], signal: AbortSignal) {
      const result = await model.run(clips, want, signal).catch((error: unknown) => {
        // The next batch need not find out again; a clip by itself goes whatever its length.
        if (isOutOfMemory(error) && clips.length > 1) {
          const padded = clips.length * largest(clips.map(({ samples }) => samples.length));
          lane.maxPadded = Math.min(lane.maxPadded, Math.ceil(padded / 2));
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
  return lane;
}
