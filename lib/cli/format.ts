import { CsvWriter } from '../output/csv.js';
import { type Outcome, toJson } from '../output/outcome.js';
import { formatPercent } from '../output/text.js';
import type { Segment } from '../recognition/result.js';
import { largest } from '../shared/largest.js';
import { printable } from '../shared/text.js';

export const FORMATS = ['text', 'json', 'ndjson', 'csv'] as const;
export type Format = (typeof FORMATS)[number];

/** Formats outcomes one at a time. The output is the concatenation of all pieces. */
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

/** Width of the bar of a score of 1, in characters. */
const BAR = 30;

function text({ file, result }: Outcome): string {
  if (result === undefined) return ''; // errors go to stderr
  const width = largest(Object.keys(result.scores).map((label) => label.length));
  const scores = Object.entries(result.scores)
    .sort((a, b) => b[1] - a[1])
    .map(([label, score]) => `  ${label.padEnd(width)}  ${alignedPercent(score)}  ${bar(score)}`.trimEnd());
  const { decodeMs, queueMs, inferenceMs } = result.timing;
  const totalMs = Math.round(decodeMs + queueMs + inferenceMs);
  const { name, precision, device } = result.model;
  const segments = (result.segments ?? []).map((segment) => segmentRow(segment, width));
  return [
    `${printable(file)}: ${result.emotion} (${formatPercent(result.confidence)})`,
    ...scores,
    ...segments,
    `  ${result.duration.toFixed(1)} s of audio in ${totalMs} ms, ${name} ${precision} on ${device}`,
    ...(result.windows ? [`  inferred in ${result.windows.count} windows of ${result.windows.length} s`] : []),
    '',
    '',
  ].join('\n');
}

function segmentRow({ start, end, emotion, confidence }: Segment, width: number): string {
  const span = `${start.toFixed(1).padStart(6)} - ${end.toFixed(1).padStart(6)} s`;
  return `  ${span}  ${emotion.padEnd(width)}  ${alignedPercent(confidence)}`;
}

function alignedPercent(score: number): string {
  return formatPercent(score).padStart(6);
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
