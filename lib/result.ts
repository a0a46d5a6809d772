import type { Pcm } from './audio/pcm.js';
import { inUse, type ModelCard } from './model/card.js';
import type { ModelOutput } from './model/emotion-model.js';
import type { Granularity } from './options.js';

/** A stretch of the timeline. */
export interface FrameResult {
  /** Seconds from the clip's start. */
  start: number;
  /** Seconds from the clip's start. */
  end: number;
  emotion: string;
  scores: Record<string, number>;
}

export interface RecognitionResult {
  /** The label with the highest score. */
  emotion: string;
  /** Its score, 0 to 1. */
  confidence: number;
  /** A probability for each label in use; they add up to 1. */
  scores: Record<string, number>;
  granularity: Granularity;
  durationSeconds: number;
  /** With granularity `frame`: windows of a second, half a second apart. */
  frames?: FrameResult[];
  /** When asked for. `utterance`: the mean feature vector [D]; `frame`: every frame's [T, D], row-major. */
  embedding?: Float32Array;
  /** The shape of `embedding`: [D] or [T, D]. */
  embeddingShape?: number[];
  /** When asked for: the clip as the model heard it, mono at the model's rate. */
  processedAudio?: Pcm;
  model: { name: string; precision: string; device: string };
  /** Milliseconds. `decodeMs` covers reading, decoding and resampling; `queueMs` the wait for the model and its load. */
  timing: { decodeMs: number; queueMs: number; inferenceMs: number };
}

const WINDOW_SECONDS = 1;
const HOP_SECONDS = 0.5;

/** Softmax over the labels in use; an unused label's logit counts as minus infinity, as in FunASR. */
export function scoresOf(logits: ArrayLike<number>, card: ModelCard): Record<string, number> {
  const used = card.labels
    .map((label, i) => ({ name: label.name, logit: logits[i] ?? -Infinity, used: inUse(label) }))
    .filter((entry) => entry.used);
  const top = Math.max(...used.map((entry) => entry.logit));
  const weights = used.map((entry) => Math.exp(entry.logit - top));
  const sum = weights.reduce((total, weight) => total + weight, 0);
  return Object.fromEntries(used.map((entry, i) => [entry.name, (weights[i] ?? 0) / sum]));
}

/** The label with the highest score, and that score. */
export function winner(scores: Record<string, number>): { emotion: string; confidence: number } {
  const [emotion, confidence] = Object.entries(scores).reduce((best, entry) => (entry[1] > best[1] ? entry : best));
  return { emotion, confidence };
}

/**
 * The timeline: frame logits averaged over a sliding window, then softmax. The head is linear, so the window's mean logit
 * is what the model would say of the window given the clip around it.
 */
export function timeline(output: ModelOutput, card: ModelCard, durationSeconds: number): FrameResult[] {
  const { frameLogits, frames } = output;
  if (frameLogits === undefined) return [];
  const size = card.labels.length;
  const window = Math.max(1, Math.round(WINDOW_SECONDS * card.frameRate));
  const hop = Math.max(1, Math.round(HOP_SECONDS * card.frameRate));
  const result: FrameResult[] = [];
  for (let first = 0; first === 0 || first + window - hop < frames; first += hop) {
    const last = Math.min(first + window, frames);
    const mean = new Float64Array(size);
    for (let i = first * size; i < last * size; i++) mean[i % size]! += frameLogits[i]! / (last - first);
    const scores = scoresOf(mean, card);
    // The last window takes the samples that no frame begins in, so that the timeline ends where the clip does.
    const end = last === frames ? durationSeconds : last / card.frameRate;
    result.push({ start: first / card.frameRate, end, emotion: winner(scores).emotion, scores });
  }
  return result;
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
