import { truncate } from '../output/text.js';
import { largest } from '../shared/largest.js';
import type { Evaluation } from './evaluation.js';
import { sum } from './metrics.js';
import { PERTURBATION_KINDS, type PerturbationKind } from './perturbations.js';
import type { PerturbedScores, Robustness } from './robustness.js';
import { dot, figure, line, polyline, rect, text, verticalText } from './svg.js';

const TOP = 76;
const LEFT = 24;
/** Maximum length of a label in characters. */
const MAX_LABEL = 16;

/** Draws the confusion matrix. Rows are true labels, columns predicted labels, and cells are percentages of the row. */
export function confusionFigure(model: string, { confusion, classes, overall, clips }: Evaluation): string {
  const { labels, counts } = confusion;
  const predicted = labels.filter((label, i) => classes.includes(label) || counts.some((row) => row[i]! > 0));
  const longest = Math.min(MAX_LABEL, largest(predicted.map((label) => label.length)));
  const cellWidth = Math.max(56, 7 * longest + 8);
  const [cellHeight, left, top] = [44, LEFT + 40 + 7 * longest, TOP + 44];
  const cells = classes.flatMap((label, row) => {
    const rowCounts = counts[labels.indexOf(label)]!;
    const total = sum(rowCounts);
    const y = top + row * cellHeight;
    return [
      text(left - 10, y + cellHeight / 2, truncate(label, MAX_LABEL), 'ink', 'end'),
      text(left - 10, y + cellHeight / 2 + 14, `${total}`, 'soft small', 'end'),
      ...predicted.flatMap((prediction, column) => {
        const share = rowCounts[labels.indexOf(prediction)]! / total;
        const x = left + column * cellWidth;
        return [
          rect(
            x + 1,
            y + 1,
            cellWidth - 2,
            cellHeight - 2,
            'cell',
            ` rx="3" fill-opacity="${(0.05 + 0.95 * share).toFixed(2)}"`,
          ),
          text(
            x + cellWidth / 2,
            y + cellHeight / 2 + 4,
            (100 * share).toFixed(0),
            share > 0.75 ? 'strong' : 'ink',
            'middle',
          ),
        ];
      }),
    ];
  });
  const [right, bottom] = [left + predicted.length * cellWidth, top + classes.length * cellHeight];
  return figure(
    Math.max(right + 24, 440),
    bottom + 24,
    `${model}: confusion matrix`,
    `percent of the row; ${clips} clips, UAR ${overall.uar.value.toFixed(3)}, accuracy ${overall.accuracy.value.toFixed(3)}`,
    [
      text((left + right) / 2, TOP + 14, 'predicted label', 'soft', 'middle'),
      verticalText(LEFT + 10, (top + bottom) / 2, 'true label, number of clips'),
      ...predicted.map((label, i) =>
        text(left + (i + 0.5) * cellWidth, top - 8, truncate(label, MAX_LABEL), 'ink', 'middle'),
      ),
      ...cells,
    ],
  );
}

/** Draws the reliability diagram: accuracy over confidence, and below it the number of clips in each bin. */
export function reliabilityFigure(model: string, { calibration }: Evaluation): string {
  const { bins, ece, confidence, accuracy } = calibration;
  const [size, strip, gap, left] = [340, 70, 16, LEFT + 56];
  const bottom = TOP + size;
  const floor = bottom + gap + strip;
  const maxClips = largest(bins.map(({ clips }) => clips));
  const x = (value: number): number => left + value * size;
  const y = (value: number): number => bottom - value * size;
  const bars = bins
    .filter(({ clips }) => clips > 0)
    .flatMap((bin) => {
      const width = x(bin.to) - x(bin.from) - 2;
      const barHeight = (strip * bin.clips) / maxClips;
      return [
        rect(x(bin.from) + 1, y(bin.accuracy), width, bottom - y(bin.accuracy), 'bar'),
        rect(x(bin.from) + 1, floor - barHeight, width, barHeight, 'faint'),
      ];
    });
  const ticks = [0, 0.2, 0.4, 0.6, 0.8, 1].flatMap((value) => [
    line(left, y(value), left + size, y(value), 'grid'),
    text(left - 8, y(value) + 4, value.toFixed(1), 'soft', 'end'),
    text(x(value), floor + 18, value.toFixed(1), 'soft', 'middle'),
  ]);
  const marks = [[confidence, 'mean confidence'] as const, [accuracy, 'accuracy'] as const];
  return figure(
    left + size + 32,
    floor + 52,
    `${model}: reliability diagram, ECE ${ece.toFixed(3)}`,
    marks.map(([value, name]) => `${name} ${value.toFixed(3)}`).join(', '),
    [
      ...ticks,
      ...bars,
      line(x(0), y(0), x(1), y(1), 'ideal'),
      line(left, bottom, left + size, bottom, 'axis'),
      line(left, floor, left + size, floor, 'axis'),
      text(left - 8, floor - strip + 10, `${maxClips}`, 'soft', 'end'),
      text(left - 8, floor, '0', 'soft', 'end'),
      verticalText(LEFT + 10, TOP + size / 2, 'accuracy'),
      verticalText(LEFT + 10, floor - strip / 2, 'clips'),
      text(left + size / 2, floor + 40, 'confidence', 'soft', 'middle'),
    ],
  );
}

const PANEL = { width: 186, height: 150, across: 4 };
const GAP = { x: 28, y: 84 };
/** Titles of the horizontal axes. */
const AXIS_TITLES: Readonly<Record<PerturbationKind, string>> = {
  noise: 'SNR, dB',
  gain: 'dB',
  rate: 'kHz',
  codec: '',
  length: 'seconds kept',
  silence: 'seconds before and after',
  reverberation: 'RT60, s',
};

/** Draws a panel for each kind of perturbation. */
export function robustnessFigure(model: string, { clean, perturbations }: Robustness): string {
  const kinds = (Object.keys(PERTURBATION_KINDS) as PerturbationKind[]).filter((kind) =>
    perturbations.some((each) => each.kind === kind),
  );
  const left = LEFT + 44;
  const panels = kinds.flatMap((kind, i) => {
    const x = left + (i % PANEL.across) * (PANEL.width + GAP.x);
    const y = TOP + 24 + Math.floor(i / PANEL.across) * (PANEL.height + GAP.y);
    const scores = perturbations.filter((each) => each.kind === kind);
    return panel(kind, scores, clean.uar, x, y, i % PANEL.across === 0);
  });
  const rows = Math.ceil(kinds.length / PANEL.across);
  const width = left + PANEL.across * (PANEL.width + GAP.x);
  const legend = width - 372;
  return figure(
    width,
    TOP + rows * (PANEL.height + GAP.y),
    `${model}: robustness`,
    `${clean.clips} clips; UAR without perturbation ${clean.uar.toFixed(3)}`,
    [
      line(legend, 28, legend + 24, 28, 'line'),
      text(legend + 30, 32, 'UAR'),
      line(legend + 74, 28, legend + 98, 28, 'dash'),
      text(legend + 104, 32, 'UAR, clean'),
      line(legend + 214, 28, legend + 238, 28, 'other'),
      text(legend + 244, 32, 'mean confidence'),
      ...panels,
    ],
  );
}

function panel(
  kind: PerturbationKind,
  scores: PerturbedScores[],
  cleanUar: number,
  x: number,
  y: number,
  first: boolean,
): string[] {
  const bottom = y + PANEL.height;
  const at = (i: number): number => x + ((i + 0.5) * PANEL.width) / scores.length;
  const up = (value: number): number => bottom - value * PANEL.height;
  const points = scores.map((each, i) => ({ ...each, x: at(i) })).filter(({ clips }) => clips > 0);
  const uars = points.map((each) => [each.x, up(each.uar)] as const);
  const confidences = points.map((each) => [each.x, up(each.confidence)] as const);
  // Codecs are categories, so that a line between them would mean nothing.
  const lines = kind === 'codec' ? [] : [polyline(confidences, 'other'), polyline(uars, 'line')];
  return [
    text(x, y - 10, PERTURBATION_KINDS[kind], 'ink'),
    ...[0, 0.5, 1].flatMap((value) => [
      line(x, up(value), x + PANEL.width, up(value), value === 0 ? 'axis' : 'grid'),
      ...(first ? [text(x - 8, up(value) + 4, value.toFixed(1), 'soft small', 'end')] : []),
    ]),
    ...(first ? [verticalText(x - 34, y + PANEL.height / 2, 'UAR, confidence')] : []),
    line(x, up(cleanUar), x + PANEL.width, up(cleanUar), 'dash'),
    ...lines,
    ...confidences.map(([cx, cy]) => dot(cx, cy, 'dot')),
    ...uars.map(([cx, cy]) => dot(cx, cy, 'bar')),
    ...scores.flatMap(({ tick }, i) =>
      tick.split('\n').map((part, row) => text(at(i), bottom + 16 + 14 * row, part, 'soft small', 'middle')),
    ),
    text(x + PANEL.width / 2, bottom + 36, AXIS_TITLES[kind], 'soft small', 'middle'),
  ];
}
