import type { Pcm } from '../audio/pcm.js';
import type { ModelCard } from '../model/card.js';
import type { ModelOutput, RequestedOutputs } from '../model/emotion-model.js';
import { concatFloats } from '../shared/concat.js';
import { planWindows, type Window, type WindowOption, type WindowSummary } from './windows.js';

/** The output of the model for a clip of any number of windows: T frames, L labels, D dimensions. */
export interface Inference {
  /** [L] */
  logits: ArrayLike<number>;
  /** [T, L] row-major, if requested. */
  frameLogits: Float32Array | undefined;
  /** Number of frames T. */
  frames: number;
  /** [T, D] row-major, or their mean [D], as requested. */
  embedding: Float32Array | undefined;
  /** Undefined if the clip was inferred as a whole. */
  windows: WindowSummary | undefined;
  /** Milliseconds in the model. Those of windows that ran at the same time add up. */
  inferenceMs: number;
}

/** The outputs that are requested for a clip in addition to its logits. */
export interface InferenceOutputs {
  frameLogits: boolean;
  embedding: 'none' | 'mean' | 'frames';
}

export interface InferenceTask {
  /** At the sample rate of the model. */
  clip: Pcm;
  card: ModelCard;
  window: WindowOption;
  outputs: InferenceOutputs;
  /** Number of windows that may be queued or run at once. */
  parallel: number;
  /** Runs one window. `windows` returns the number of windows that are done, and their total number. */
  run: (
    clip: Pcm,
    outputs: RequestedOutputs,
    windows: () => { done: number; total: number },
  ) => Promise<{ output: ModelOutput; runMs: number }>;
}

/**
 * Runs a clip through the model, window by window. Each window is queued by itself, so that clips of other requests run in
 * between, and memory does not grow with the clip.
 *
 * Each window is inferred as a clip of its own: it is normalized by itself, and attention stays within it. A frame that lies in
 * two windows counts in the one in which it is farther from the edge. The logits are the mean over all frames that count.
 */
export async function infer({ clip, card, window, outputs, parallel, run }: InferenceTask): Promise<Inference> {
  const { windows, summary } = planWindows(clip.samples.length, window, card);
  const requested = {
    frameLogits: outputs.frameLogits || summary !== undefined,
    features: outputs.embedding !== 'none',
  };
  const parts = new Array<Part>(windows.length);
  const remaining = windows.entries();
  let inferenceMs = 0;
  let done = 0;
  const work = async (): Promise<void> => {
    for (const [i, each] of remaining) {
      const part = { samples: clip.samples.subarray(each.start, each.end), sampleRate: clip.sampleRate };
      const { output, runMs } = await run(part, requested, () => ({ done, total: windows.length }));
      done++;
      inferenceMs += runMs;
      parts[i] = countedPart(output, each, outputs.embedding);
    }
  };
  await Promise.all(Array.from({ length: Math.min(parallel, windows.length) }, work));
  return { ...join(parts, outputs), windows: summary, inferenceMs };
}

/** The frames of a window that count. */
interface Part {
  frames: number;
  logits: ArrayLike<number>;
  frameLogits: Float32Array;
  embedding: Float32Array;
}

function countedPart(output: ModelOutput, window: Window, embedding: InferenceOutputs['embedding']): Part {
  const last = Math.min(window.lastFrame, output.frames);
  const frames = last - window.firstFrame;
  const rows = (values: Float32Array | undefined): Float32Array => {
    if (values === undefined) return new Float32Array();
    const width = values.length / output.frames;
    return values.subarray(window.firstFrame * width, last * width);
  };
  const features = rows(output.features);
  const frameLogits = rows(output.frameLogits);
  return {
    frames,
    frameLogits,
    logits: frames === output.frames ? output.logits : meanOverFrames(frameLogits, frames),
    embedding: embedding === 'mean' ? meanOverFrames(features, frames) : features,
  };
}

function join(
  parts: readonly Part[],
  outputs: InferenceOutputs,
): Pick<Inference, 'frames' | 'logits' | 'frameLogits' | 'embedding'> {
  const frames = parts.reduce((sum, part) => sum + part.frames, 0);
  const logits = weightedMean(parts, 'logits');
  const frameLogits = outputs.frameLogits ? concatFloats(parts.map((part) => part.frameLogits)) : undefined;
  switch (outputs.embedding) {
    case 'none':
      return { frames, logits, frameLogits, embedding: undefined };
    case 'mean':
      return { frames, logits, frameLogits, embedding: Float32Array.from(weightedMean(parts, 'embedding')) };
    case 'frames':
      return { frames, logits, frameLogits, embedding: concatFloats(parts.map((part) => part.embedding)) };
  }
}

/** Returns the mean of a field of the parts, weighted by their frames. */
function weightedMean(parts: readonly Part[], field: 'logits' | 'embedding'): ArrayLike<number> {
  if (parts.length === 1) return parts[0]![field];
  const total = parts.reduce((sum, { frames }) => sum + frames, 0);
  const mean = new Float64Array(parts[0]![field].length);
  for (const { [field]: values, frames } of parts) {
    for (let i = 0; i < mean.length; i++) mean[i]! += (values[i]! * frames) / total;
  }
  return mean;
}

/** Returns the mean [D] of values [T, D] over their frames. */
function meanOverFrames(values: Float32Array, frames: number): Float32Array {
  const width = values.length / frames;
  const mean = new Float64Array(width);
  for (let frame = 0, i = 0; frame < frames; frame++) {
    for (let d = 0; d < width; d++, i++) mean[d]! += values[i]!;
  }
  return Float32Array.from(mean, (sum) => sum / frames);
}
