import { largest } from '../shared/largest.js';
import { CsvWriter } from '../output/csv.js';
import { type Outcome, toJson } from '../output/outcome.js';
import type { Segment } from '../recognition/result.js';
import { printable } from '../shared/text.js';

export const FORMATS = ['text', 'json', 'ndjson', 'csv'] as const;
export type Format = (typeof FORMATS)[number];

/** Turns outcomes into what is printed: `head`, then one piece an outcome, then `tail`. */
export interface Formatter {
  each(outcome: Outcome): string;
  end(): string;
}

export function createFormatter(format: Format): Formatter {
  switch (format) {
    case 'text':
      return { each: text, end: () => '' };
    case 'ndjson':
      return { each: (outcome) => `${JSON.stringify(toJson(outcome))}\n`, end: () => '' };
    case 'json':
      return jsonFormatter();
    case 'csv':
      return new CsvWriter();
  }
}

const BAR = 30;

function text({ file, result }: Outcome): string {
  if (result === undefined) return ''; // errors go to stderr
  const width = largest(Object.keys(result.scores).map((label) => label.length));
  const rows = Object.entries(result.scores)
    .sort((a, b) => b[1] - a[1])
    .map(([label, score]) => `  ${label.padEnd(width)}  ${percent(score)}  ${bar(score)}`.trimEnd());
  const { decodeMs, queueMs, inferenceMs } = result.timing;
  const took = Math.round(decodeMs + queueMs + inferenceMs);
  const about = `  ${result.duration.toFixed(1)} s of audio, ${took} ms, ${result.model.name} ${result.model.precision} on ${result.model.device}`;
  const segments = (result.segments ?? []).map((segment) => segmentRow(segment, width));
  const windows = result.windows && `  inferred in ${result.windows.count} windows of ${result.windows.length} s`;
  const head = `${printable(file)}: ${result.emotion} (${percent(result.confidence).trim()})`;
  return [head, ...rows, ...segments, about, ...(windows === undefined ? [] : [windows]), '', ''].join('\n');
}

function segmentRow({ start, end, emotion, confidence }: Segment, width: number): string {
  const span = `${start.toFixed(1).padStart(6)} - ${end.toFixed(1).padStart(6)} s`;
  return `  ${span}  ${emotion.padEnd(width)}  ${percent(confidence)}`;
}

function percent(score: number): string {
  return `${(100 * score).toFixed(1).padStart(5)} %`;
}

function bar(score: number): string {
  const eighths = Math.round(score * BAR * 8);
  const rest = eighths % 8;
  return '█'.repeat(eighths >> 3) + (rest > 0 ? String.fromCodePoint(0x2590 - rest) : '');
}

function jsonFormatter(): Formatter {
  let first = true;
  return {
    each(outcome) {
      const piece = `${first ? '[\n' : ',\n'}  ${JSON.stringify(toJson(outcome))}`;
      first = false;
      return piece;
    },
    end: () => (first ? '[]\n' : '\n]\n'),
  };
}
