import type { Pcm } from '../audio/pcm.js';
import type { PreparedAudio } from '../audio/prepare.js';
import { largest } from '../shared/largest.js';
import { inUse, type ModelCard } from '../model/card.js';
import type { Granularity, ResolvedDevice, ResolvedPrecision } from '../options/types.js';
import type { Heard, WindowSummary } from './windows.js';

/** A stretch of the timeline. */
export interface FrameResult {
  /** Seconds from the clip's start. */
  start: number;
  /** Seconds from the clip's start. */
  end: number;
  emotion: string;
  scores: Record<string, number>;
}

/** A stretch in which one emotion wins. */
export interface Segment {
  /** Seconds from the clip's start. */
  start: number;
  /** Seconds from the clip's start. */
  end: number;
  emotion: string;
  /** The emotion's mean score in the stretch. */
  confidence: number;
}

export interface RecognitionResult {
  /** The label with the highest score. */
  emotion: string;
  /** Its score, 0 to 1. */
  confidence: number;
  /** A probability for each label in use; they add up to 1. */
  scores: Record<string, number>;
  granularity: Granularity;
  duration: number;
  /** With granularity `frame`: a window every `timeline.hop` seconds, half a second apart and a second long by default. */
  frames?: FrameResult[];
  /** With granularity `frame`: where the emotion changes. Adjoining stretches of the timeline, no two alike in a row. */
  segments?: Segment[];
  /** When asked for. `utterance`: the mean feature vector [D]; `frame`: every frame's [T, D], row-major. */
  embedding?: Float32Array;
  /** The shape of `embedding`: [D] or [T, D]. */
  embeddingShape?: number[];
  /** When asked for: what the model says before the softmax, of all labels of its card in order, unused ones too. */
  logits?: Float32Array;
  /** When asked for: the clip as the model heard it, mono at the model's rate. */
  processedAudio?: Pcm;
  /** Where the clip was so long that it was heard in windows (option `window`): scores are means over all their frames. */
  windows?: WindowSummary;
  model: { name: string; precision: ResolvedPrecision; device: ResolvedDevice };
  timing: Timing;
}

/** Milliseconds, and who decoded. */
export interface Timing {
  /** Reading, decoding and resampling. */
  decodeMs: number;
  /** Who decoded the clip: this package, or the machine's ffmpeg (option `decoder`). */
  decoder: 'builtin' | 'ffmpeg';
  /** The rest of the call: waiting for the decoder, for the model and its load, for a turn. */
  queueMs: number;
  /** In the model. A batch's time counts in full; windows that ran side by side add up. */
  inferenceMs: number;
}

/** What a result holds beside scores, as asked for. */
export interface ResultSettings {
  granularity: Granularity;
  logits: boolean;
  processedAudio: boolean;
  timeline: { window: number; hop: number };
}

/** The result of a clip that the model has heard. */
export function resultOf(
  heard: Heard,
  audio: PreparedAudio,
  model: { card: ModelCard; precision: ResolvedPrecision; device: ResolvedDevice },
  settings: ResultSettings,
  timing: Timing,
): RecognitionResult {
  const { card, precision, device } = model;
  const { duration } = audio;
  const scores = scoresOf(heard.logits, card);
  const frames = heard.frameLogits && timeline(heard.frameLogits, card, duration, settings.timeline);
  const byFrame = settings.granularity === 'frame';
  return {
    ...winner(scores),
    scores,
    granularity: settings.granularity,
    duration,
    ...(frames && { frames, segments: segmentsOf(frames) }),
    ...(heard.embedding && {
      embedding: heard.embedding,
      embeddingShape: byFrame ? [heard.frames, card.embeddingDim] : [card.embeddingDim],
    }),
    ...(settings.logits && { logits: Float32Array.from(heard.logits) }),
    ...(settings.processedAudio && { processedAudio: audio.waveform }),
    ...(heard.windowing && { windows: heard.windowing }),
    model: { name: card.name, precision, device },
    timing,
  };
}

/** Softmax over the labels in use; an unused label's logit counts as minus infinity, as in FunASR. */
export function scoresOf(logits: ArrayLike<number>, card: ModelCard): Record<string, number> {
  const used = card.labels
    .map((label, i) => ({ name: label.name, logit: logits[i] ?? -Infinity, used: inUse(label) }))
    .filter((entry) => entry.used);
  const top = largest(used.map((entry) => entry.logit));
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
 * @param frameLogits [T, L] row-major
 * @param span seconds
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
    // The last window takes the samples that no frame begins in, so that the timeline ends where the clip does.
    const end = last === frames ? duration : last / card.frameRate;
    result.push({ start: first / card.frameRate, end, emotion: winner(scores).emotion, scores });
  }
  return result;
}

/** Change points: windows of the timeline whose emotion is the same, together. They part midway between the windows' middles. */
export function segmentsOf(frames: readonly FrameResult[]): Segment[] {
  const middle = ({ start, end }: FrameResult): number => (start + end) / 2;
  const groups: FrameResult[][] = [];
  for (const frame of frames) {
    const group = groups.at(-1);
    if (group?.[0]?.emotion === frame.emotion) group.push(frame);
    else groups.push([frame]);
  }
  const bounds = groups.slice(1).map((group, i) => (middle(groups[i]!.at(-1)!) + middle(group[0]!)) / 2);
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
