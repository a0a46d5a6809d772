import type { Pcm } from '../audio/pcm.js';
import type { ModelCard } from '../model/card.js';
import type { ModelOutput, RequestedOutputs } from '../model/emotion-model.js';

/** How long audio is heard: `auto`, the longest window in seconds, or `off`, whole whatever its length. */
export type WindowOption = 'auto' | number | 'off';

/** What `auto` is: clips up to this are heard whole, longer ones in windows of this. */
export const AUTO_WINDOW_SECONDS = 60;
/** Kept clear of a window's edges, where there is a neighbour that knows more: the reach of the model's convolutions twice. */
const MARGIN_SECONDS = 2;

/** Describes the windows in which a long clip was inferred. */
export interface WindowSummary {
  /** Length of a window in seconds. */
  length: number;
  /** Seconds from the start of one window to the start of the next. */
  hop: number;
  count: number;
}

/** A stretch of the waveform, and which of its frames count. */
export interface Window {
  /** Samples. */
  start: number;
  end: number;
  /** Frames from the window's start; `lastFrame` is excluded, Infinity for all there are. */
  firstFrame: number;
  lastFrame: number;
}

/** The windows of a clip of `length` samples; one, the whole, where it fits. Frames that count adjoin without overlap. */
export function planWindows(
  length: number,
  option: WindowOption,
  { sampleRate, frameRate }: { sampleRate: number; frameRate: number },
): { windows: Window[]; windowing: WindowSummary | undefined } {
  const whole = { windows: [{ start: 0, end: length, firstFrame: 0, lastFrame: Infinity }], windowing: undefined };
  const seconds = option === 'auto' ? AUTO_WINDOW_SECONDS : option;
  if (seconds === 'off' || length <= seconds * sampleRate) return whole;
  const stride = sampleRate / frameRate; // samples from one frame to the next
  const margin = Math.floor(Math.min(MARGIN_SECONDS, seconds / 4) * frameRate); // frames
  const size = Math.floor(seconds * frameRate); // frames
  const hop = size - 2 * margin;
  const windows: Window[] = [];
  for (let first = 0; ; first += hop) {
    const start = Math.round(first * stride);
    const end = Math.min(length, Math.round((first + size) * stride));
    const last = end === length;
    windows.push({
      start,
      end,
      firstFrame: first === 0 ? 0 : margin,
      lastFrame: last ? Infinity : size - margin,
    });
    if (last) break;
  }
  return {
    windows,
    windowing: { length: size / frameRate, hop: hop / frameRate, count: windows.length },
  };
}

/** What the model says of a clip, however many windows it took. */
export interface Heard {
  logits: ArrayLike<number>;
  /** [T, L] row-major, when asked for. */
  frameLogits: Float32Array | undefined;
  frames: number;
  /** [T, D] row-major, or their mean [D], as asked for. */
  embedding: Float32Array | undefined;
  windowing: WindowSummary | undefined;
  /** Milliseconds spent in the model, those of windows that ran side by side added up. */
  inferenceMs: number;
}

/** What is wanted of a clip beside its logits. */
export interface Wanted {
  frameLogits: boolean;
  embedding: 'none' | 'mean' | 'frames';
}

/** Runs a stretch of the waveform in a turn of its own; `done` of `total` have been heard before. */
export type RunWindow = (
  clip: Pcm,
  want: RequestedOutputs,
  heard: () => { done: number; total: number },
) => Promise<{ output: ModelOutput; runMs: number }>;

/**
 * Runs a clip through the model, window by window, each in a turn of its own, so that other callers' clips come in between and
 * memory does not grow with the clip.
 *
 * Each window is heard as a clip of its own (normalised by itself, attention within it). A frame counts in the window in
 * which it is further from the edge. The logits are the mean over all frames that count.
 *
 * @param parallel windows that may wait or run at once
 */
export async function hear(
  card: ModelCard,
  waveform: Pcm,
  option: WindowOption,
  wanted: Wanted,
  run: RunWindow,
  parallel: number,
): Promise<Heard> {
  const { windows, windowing } = planWindows(waveform.samples.length, option, card);
  const want = {
    frameLogits: wanted.frameLogits || windowing !== undefined,
    features: wanted.embedding !== 'none',
  };
  const parts = new Array<Part>(windows.length);
  const rest = windows.entries();
  let inferenceMs = 0;
  let done = 0;
  const work = async (): Promise<void> => {
    for (const [i, window] of rest) {
      const samples = waveform.samples.subarray(window.start, window.end);
      const { output, runMs } = await run({ samples, sampleRate: waveform.sampleRate }, want, () => ({
        done,
        total: windows.length,
      }));
      done++;
      inferenceMs += runMs;
      parts[i] = cut(output, window, wanted.embedding);
    }
  };
  await Promise.all(Array.from({ length: Math.min(parallel, windows.length) }, work));
  const frames = parts.reduce((sum, part) => sum + part.frames, 0);
  const embeddings = parts.map((part) => ({ values: part.embedding, frames: part.frames }));
  return {
    logits: weightedMean(parts.map((part) => ({ values: part.logits, frames: part.frames }))),
    frameLogits: wanted.frameLogits ? concat(parts.map((part) => part.frameLogits)) : undefined,
    frames,
    embedding: !want.features
      ? undefined
      : wanted.embedding === 'mean'
        ? Float32Array.from(weightedMean(embeddings))
        : concat(embeddings.map(({ values }) => values)),
    windowing,
    inferenceMs,
  };
}

interface Part {
  frames: number;
  logits: ArrayLike<number>;
  frameLogits: Float32Array;
  embedding: Float32Array;
}

/** The frames of a window's output that count. */
function cut(output: ModelOutput, window: Window, embedding: Wanted['embedding']): Part {
  const last = Math.min(window.lastFrame, output.frames);
  const frames = last - window.firstFrame;
  const rows = (values: Float32Array | undefined): Float32Array => {
    if (values === undefined) return new Float32Array();
    const size = values.length / output.frames;
    return values.subarray(window.firstFrame * size, last * size);
  };
  const features = rows(output.features);
  const frameLogits = rows(output.frameLogits);
  return {
    frames,
    frameLogits,
    logits: frames === output.frames ? output.logits : meanFeature(frameLogits, frames),
    embedding: embedding === 'mean' ? meanFeature(features, frames) : features,
  };
}

function weightedMean(parts: readonly { values: ArrayLike<number>; frames: number }[]): ArrayLike<number> {
  if (parts.length === 1) return parts[0]!.values;
  const total = parts.reduce((sum, { frames }) => sum + frames, 0);
  const mean = new Float64Array(parts[0]!.values.length);
  for (const { values, frames } of parts) {
    for (let i = 0; i < mean.length; i++) mean[i]! += (values[i]! * frames) / total;
  }
  return mean;
}

function concat(parts: readonly Float32Array[]): Float32Array {
  if (parts.length === 1) return parts[0]!;
  const whole = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** Mean over frames of [T, D] features: [D]. */
export function meanFeature(features: Float32Array, frames: number): Float32Array {
  const size = features.length / frames;
  const mean = new Float64Array(size);
  for (let frame = 0, i = 0; frame < frames; frame++) {
    for (let d = 0; d < size; d++, i++) mean[d]! += features[i]!;
  }
  return Float32Array.from(mean, (sum) => sum / frames);
}
