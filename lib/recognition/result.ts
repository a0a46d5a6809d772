import type { Pcm } from '../audio/pcm.js';
import type { PreparedAudio } from '../audio/prepare.js';
import { inUse, type ModelCard } from '../model/card.js';
import type { Granularity, ResolvedDevice, ResolvedPrecision } from '../options/types.js';
import { largest } from '../shared/largest.js';
import type { Inference } from './infer.js';
import type { Outcome } from './many.js';
import type { WindowSummary } from './windows.js';

/** One window of the timeline of a clip. */
export interface FrameResult {
  /** Seconds from the start of the clip. */
  start: number;
  /** Seconds from the start of the clip. */
  end: number;
  /** The label with the highest score. */
  emotion: string;
  /** The probability of each label in use. They add up to 1. */
  scores: Record<string, number>;
}

/** A time span of a clip in which one emotion has the highest score. */
export interface Segment {
  /** Seconds from the start of the clip. */
  start: number;
  /** Seconds from the start of the clip. */
  end: number;
  /** The label with the highest score. */
  emotion: string;
  /** Mean score of that label in the segment. */
  confidence: number;
}

/** The result of `recognize`. */
export interface RecognitionResult {
  /** The label with the highest score. */
  emotion: string;
  /** The score of `emotion`, from 0 to 1. */
  confidence: number;
  /** The probability of each label in use. They add up to 1. */
  scores: Record<string, number>;
  /** The granularity that was requested. */
  granularity: Granularity;
  /** Duration of the clip in seconds. */
  duration: number;
  /** The timeline, with granularity `frame`: by default a window of one second every half second (option `timeline`). */
  frames?: FrameResult[];
  /**
   * The segments of the clip, with granularity `frame`: windows of the timeline that have the same emotion, merged. Segments
   * adjoin and cover the clip.
   */
  segments?: Segment[];
  /**
   * The embedding, with option `embedding`. With granularity `utterance`, the mean over all frames [D]; with granularity
   * `frame`, one row per frame [T, D], row-major.
   */
  embedding?: Float32Array;
  /** The shape of `embedding`: [D] or [T, D]. */
  embeddingShape?: number[];
  /**
   * The output of the model before the softmax, with option `logits`: one value per label of the model card, in order, including
   * labels that are not in use.
   */
  logits?: Float32Array;
  /** The clip as it was passed to the model, with option `processedAudio`: mono, at the model's sample rate. */
  processedAudio?: Pcm;
  /**
   * The windows in which the clip was inferred, if it was longer than one (option `window`). The scores are then those of the
   * mean over the frames of all windows.
   */
  windows?: WindowSummary;
  /** The model that returned this result. */
  model: ModelSummary;
  /** The time that each part of the request took. */
  timing: Timing;
}

/** The model that returned a result. */
export interface ModelSummary {
  /** Name on the model card. */
  name: string;
  /** Precision that the linear layers computed in. */
  precision: ResolvedPrecision;
  /** Device that the model ran on. */
  device: ResolvedDevice;
}

/** The time that a request took, in milliseconds, and the decoder that it used. */
export interface Timing {
  /** Milliseconds in which the audio was read, decoded and resampled. */
  decodeMs: number;
  /** The decoder of the clip: `builtin` is this package, `ffmpeg` the ffmpeg program of the machine (option `decoder`). */
  decoder: 'builtin' | 'ffmpeg';
  /** The remaining milliseconds: waiting for the decoder, for the model and its load, and for a slot. */
  queueMs: number;
  /**
   * Milliseconds in the model. The time of a batch counts in full for each of its clips. The times of windows that ran at the
   * same time add up.
   */
  inferenceMs: number;
}

/** The result of one input of `recognizeMany`: either `result` or `error`. */
export type ManyResult<I> = Outcome<I, RecognitionResult>;

/** The result of one window of `recognizeStream`. */
export interface StreamResult extends RecognitionResult {
  /** Start of the window, in seconds from the start of the stream. */
  start: number;
  /** End of the window, in seconds from the start of the stream. */
  end: number;
  /** Number of windows that were skipped before this one (`whenBehind: 'skip'`). */
  skipped: number;
}

/** The options that decide what a result contains in addition to scores. */
export interface ResultSettings {
  granularity: Granularity;
  logits: boolean;
  processedAudio: boolean;
  timeline: { window: number; hop: number };
}

/** Creates the result of a clip from its inference. */
export function resultOf(
  inference: Inference,
  audio: PreparedAudio,
  model: { card: ModelCard; precision: ResolvedPrecision; device: ResolvedDevice },
  settings: ResultSettings,
  timing: Timing,
): RecognitionResult {
  const { card, precision, device } = model;
  const { embedding, frameLogits } = inference;
  const { duration } = audio;
  const scores = scoresOf(inference.logits, card);
  const frames = frameLogits && timeline(frameLogits, card, duration, settings.timeline);
  const embeddingShape = settings.granularity === 'frame' ? [inference.frames, card.embeddingDim] : [card.embeddingDim];
  return {
    ...winner(scores),
    scores,
    granularity: settings.granularity,
    duration,
    ...(frames && { frames, segments: segmentsOf(frames) }),
    ...(embedding && { embedding, embeddingShape }),
    ...(settings.logits && { logits: Float32Array.from(inference.logits) }),
    ...(settings.processedAudio && { processedAudio: audio.waveform }),
    ...(inference.windows && { windows: inference.windows }),
    model: { name: card.name, precision, device },
    timing,
  };
}

/** Returns the softmax over the labels in use. The logit of an unused label counts as minus infinity, as in FunASR. */
export function scoresOf(logits: ArrayLike<number>, card: ModelCard): Record<string, number> {
  const used = card.labels
    .map((label, i) => ({ name: label.name, logit: logits[i] ?? -Infinity, used: inUse(label) }))
    .filter((entry) => entry.used);
  const top = largest(used.map((entry) => entry.logit));
  const weights = used.map((entry) => Math.exp(entry.logit - top));
  const sum = weights.reduce((total, weight) => total + weight, 0);
  return Object.fromEntries(used.map((entry, i) => [entry.name, (weights[i] ?? 0) / sum]));
}

/** Returns the label with the highest score, and that score. */
export function winner(scores: Record<string, number>): { emotion: string; confidence: number } {
  const [emotion, confidence] = Object.entries(scores).reduce((best, entry) => (entry[1] > best[1] ? entry : best));
  return { emotion, confidence };
}

/**
 * Returns the timeline: the softmax of the frame logits, averaged over a sliding window. The head is linear, so the mean logits
 * of a window are the logits that the model would return for the window within its context.
 * @param frameLogits [T, L] row-major
 * @param duration seconds
 * @param span length and hop of the window, in seconds
 */
export function timeline(
  frameLogits: Float32Array,
  card: ModelCard,
  duration: number,
  span: { window: number; hop: number },
): FrameResult[] {
  const size = card.labels.length;
  const frames = frameLogits.length / size;
  const window = Math.max(1, Math.round(span.window * card.frameRate));
  const hop = Math.max(1, Math.round(span.hop * card.frameRate));
  const result: FrameResult[] = [];
  for (let first = 0; first === 0 || (first < frames && first + window - hop < frames); first += hop) {
    const last = Math.min(first + window, frames);
    const mean = new Float64Array(size);
    for (let i = first * size; i < last * size; i++) mean[i % size]! += frameLogits[i]! / (last - first);
    const scores = scoresOf(mean, card);
    // The last window includes the samples after the last frame, so that the timeline ends where the clip ends.
    const end = last === frames ? duration : last / card.frameRate;
    result.push({ start: first / card.frameRate, end, emotion: winner(scores).emotion, scores });
  }
  return result;
}

/**
 * Merges consecutive windows of a timeline that have the same emotion. Two segments meet halfway between the centers of the
 * windows on both sides.
 */
export function segmentsOf(frames: readonly FrameResult[]): Segment[] {
  const center = ({ start, end }: FrameResult): number => (start + end) / 2;
  const groups: FrameResult[][] = [];
  for (const frame of frames) {
    const group = groups.at(-1);
    if (group?.[0]?.emotion === frame.emotion) group.push(frame);
    else groups.push([frame]);
  }
  const bounds = groups.slice(1).map((group, i) => (center(groups[i]!.at(-1)!) + center(group[0]!)) / 2);
  return groups.map((group, i) => {
    const { emotion } = group[0]!;
    return {
      start: bounds[i - 1] ?? frames[0]!.start,
      end: bounds[i] ?? frames.at(-1)!.end,
      emotion,
      confidence: group.reduce((sum, { scores }) => sum + scores[emotion]!, 0) / group.length,
    };
  });
}
