import { largest } from '../shared/largest.js';
import { short } from '../output/text.js';
import { KINDS, type Kind } from './changes.js';
import type { Evaluation } from './evaluation.js';
import { sum } from './metrics.js';
import type { ChangedScores, Robustness } from './robustness.js';
import { dot, line, picture, polyline, rect, text, upright } from './svg.js';

const TOP = 76;
const LEFT = 24;
/** Of a label, in characters. */
const NAME = 16;

/** Rows: the label; columns: the answer; cells: per cent of the row. */
export function confusionPicture(model: string, { confusion, classes, overall, clips }: Evaluation): string {
  const { labels, counts } = confusion;
  const answers = labels.filter((label, i) => classes.includes(label) || counts.some((row) => row[i]! > 0));
  const longest = Math.min(NAME, largest(answers.map((label) => label.length)));
  const wide = Math.max(56, 7 * longest + 8);
  const [high, left, top] = [44, LEFT + 40 + 7 * longest, TOP + 44];
  const cells = classes.flatMap((label, row) => {
    const own = counts[labels.indexOf(label)]!;
    const total = sum(own);
    const y = top + row * high;
    return [
      text(left - 10, y + high / 2, short(label, NAME), 'ink', 'end'),
      text(left - 10, y + high / 2 + 14, `${total}`, 'soft small', 'end'),
      ...answers.flatMap((answer, column) => {
        const share = own[labels.indexOf(answer)]! / total;
        const x = left + column * wide;
        return [
          rect(x + 1, y + 1, wide - 2, high - 2, 'cell', ` rx="3" fill-opacity="${(0.05 + 0.95 * share).toFixed(2)}"`),
          text(x + wide / 2, y + high / 2 + 4, (100 * share).toFixed(0), share > 0.75 ? 'strong' : 'ink', 'middle'),
        ];
      }),
    ];
  });
  const [right, bottom] = [left + answers.length * wide, top + classes.length * high];
  return picture(
    Math.max(right + 24, 440),
    bottom + 24,
    `${model}: confusion`,
    `per cent of the row; ${clips} clips, UAR ${overall.uar.value.toFixed(3)}, accuracy ${overall.accuracy.value.toFixed(3)}`,
    [
      text((left + right) / 2, TOP + 14, 'answer of the model', 'soft', 'middle'),
      upright(LEFT + 10, (top + bottom) / 2, 'label of the clip, number of clips'),
      ...answers.map((answer, i) => text(left + (i + 0.5) * wide, top - 8, short(answer, NAME), 'ink', 'middle')),
      ...cells,
    ],
  );
}

/** Accuracy over confidence, and how many clips there are of each. */
export function reliabilityPicture(model: string, { calibration }: Evaluation): string {
  const { bins, ece, confidence, accuracy } = calibration;
  const [size, strip, gap, left] = [340, 70, 16, LEFT + 56];
  const bottom = TOP + size;
  const floor = bottom + gap + strip;
  const most = largest(bins.map(({ clips }) => clips));
  const x = (value: number): number => left + value * size;
  const y = (value: number): number => bottom - value * size;
  const bars = bins
    .filter(({ clips }) => clips > 0)
    .flatMap((bin) => {
      const width = x(bin.to) - x(bin.from) - 2;
      const tall = (strip * bin.clips) / most;
      return [
        rect(x(bin.from) + 1, y(bin.accuracy), width, bottom - y(bin.accuracy), 'bar'),
        rect(x(bin.from) + 1, floor - tall, width, tall, 'faint'),
      ];
    });
  const ticks = [0, 0.2, 0.4, 0.6, 0.8, 1].flatMap((value) => [
    line(left, y(value), left + size, y(value), 'grid'),
    text(left - 8, y(value) + 4, value.toFixed(1), 'soft', 'end'),
    text(x(value), floor + 18, value.toFixed(1), 'soft', 'middle'),
  ]);
  const marks = [[confidence, 'mean confidence'] as const, [accuracy, 'accuracy'] as const];
  return picture(
    left + size + 32,
    floor + 52,
    `${model}: reliability, ECE ${ece.toFixed(3)}`,
    marks.map(([value, name]) => `${name} ${value.toFixed(3)}`).join(', '),
    [
      ...ticks,
      ...bars,
      line(x(0), y(0), x(1), y(1), 'ideal'),
      line(left, bottom, left + size, bottom, 'axis'),
      line(left, floor, left + size, floor, 'axis'),
      text(left - 8, floor - strip + 10, `${most}`, 'soft', 'end'),
      text(left - 8, floor, '0', 'soft', 'end'),
      upright(LEFT + 10, TOP + size / 2, 'accuracy'),
      upright(LEFT + 10, floor - strip / 2, 'clips'),
      text(left + size / 2, floor + 40, 'confidence', 'soft', 'middle'),
    ],
  );
}

const PANEL = { width: 186, height: 150, across: 4 };
const GAP = { x: 28, y: 84 };
/** What the axis of a panel tells. */
const UNITS: Readonly<Record<Kind, string>> = {
  noise: 'SNR, dB',
  gain: 'dB',
  rate: 'kHz',
  codec: '',
  length: 'seconds kept',
  silence: 'seconds before and after',
  reverberation: 'RT60, s',
};

/** A panel for each kind of change. */
export function robustnessPicture(model: string, { unchanged, changes }: Robustness): string {
  const kinds = (Object.keys(KINDS) as Kind[]).filter((kind) => changes.some((change) => change.kind === kind));
  const left = LEFT + 44;
  const panels = kinds.flatMap((kind, i) => {
    const x = left + (i % PANEL.across) * (PANEL.width + GAP.x);
    const y = TOP + 24 + Math.floor(i / PANEL.across) * (PANEL.height + GAP.y);
    const own = changes.filter((change) => change.kind === kind);
    return panel(kind, own, unchanged.uar, x, y, i % PANEL.across === 0);
  });
  const rows = Math.ceil(kinds.length / PANEL.across);
  const width = left + PANEL.across * (PANEL.width + GAP.x);
  const legend = width - 372;
  return picture(
    width,
    TOP + rows * (PANEL.height + GAP.y),
    `${model}: robustness`,
    `${unchanged.clips} clips, each changed; UAR ${unchanged.uar.toFixed(3)} as they are`,
    [
      line(legend, 28, legend + 24, 28, 'line'),
      text(legend + 30, 32, 'UAR'),
      line(legend + 74, 28, legend + 98, 28, 'dash'),
      text(legend + 104, 32, 'UAR as they are'),
      line(legend + 214, 28, legend + 238, 28, 'other'),
      text(legend + 244, 32, 'mean confidence'),
      ...panels,
    ],
  );
}

function panel(
  kind: Kind,
  changes: ChangedScores[],
  unchanged: number,
  x: number,
  y: number,
  first: boolean,
): string[] {
  const bottom = y + PANEL.height;
  const at = (i: number): number => x + ((i + 0.5) * PANEL.width) / changes.length;
  const up = (value: number): number => bottom - value * PANEL.height;
  const known = changes.map((change, i) => ({ ...change, x: at(i) })).filter(({ clips }) => clips > 0);
  const uars = known.map((change) => [change.x, up(change.uar)] as const);
  const confidences = known.map((change) => [change.x, up(change.confidence)] as const);
  // Codecs are no scale that one could read between.
  const lines = kind === 'codec' ? [] : [polyline(confidences, 'other'), polyline(uars, 'line')];
  return [
    text(x, y - 10, KINDS[kind], 'ink'),
    ...[0, 0.5, 1].flatMap((value) => [
      line(x, up(value), x + PANEL.width, up(value), value === 0 ? 'axis' : 'grid'),
      ...(first ? [text(x - 8, up(value) + 4, value.toFixed(1), 'soft small', 'end')] : []),
    ]),
    ...(first ? [upright(x - 34, y + PANEL.height / 2, 'UAR, confidence')] : []),
    line(x, up(unchanged), x + PANEL.width, up(unchanged), 'dash'),
    ...lines,
    ...confidences.map(([cx, cy]) => dot(cx, cy, 'dot')),
    ...uars.map(([cx, cy]) => dot(cx, cy, 'bar')),
    ...changes.flatMap(({ tick }, i) =>
      tick.split('\n').map((part, row) => text(at(i), bottom + 16 + 14 * row, part, 'soft small', 'middle')),
    ),
    text(x + PANEL.width / 2, bottom + 36, UNITS[kind], 'soft small', 'middle'),
  ];
}
