import { useMemo } from 'preact/hooks';

import type { ClipResult } from '../api/types.js';
import { colorOf } from '../state/emotions.js';

type Frames = NonNullable<ClipResult['frames']>;

const HEIGHT = 100;
/** Maximum number of points, about the width in pixels. An hour has thousands of frames. */
const MAX_POINTS = 600;

/** The scores over time, stacked. result.json has the numbers. */
export function ScoreAreas({ frames, duration }: { frames: Frames; duration: number }) {
  const areas = useMemo(() => areasOf(frames, duration), [frames, duration]);
  return (
    <svg class="areas" viewBox={`0 0 100 ${HEIGHT}`} preserveAspectRatio="none" aria-hidden="true">
      {areas.map(({ name, points }) => (
        <polygon key={name} data-emotion={colorOf(name)} points={points} />
      ))}
    </svg>
  );
}

function areasOf(frames: Frames, duration: number): { name: string; points: string }[] {
  const names = Object.keys(frames[0]?.scores ?? {});
  const points = pointsOf(frames, names, duration);
  const edge = [{ ...points[0]!, x: 0 }, ...points, { ...points.at(-1)!, x: 100 }];
  const below = edge.map(() => 0);
  const line = (): string[] => edge.map(({ x }, i) => `${x.toFixed(2)},${(HEIGHT * (1 - below[i]!)).toFixed(2)}`);
  return names.map((name, nth) => {
    const lower = line();
    edge.forEach(({ scores }, i) => (below[i]! += scores[nth]!));
    return { name, points: [...line(), ...lower.reverse()].join(' ') };
  });
}

/** Averages the scores of adjacent frames so that at most MAX_POINTS are left. They still add up to 1. */
function pointsOf(frames: Frames, names: readonly string[], duration: number): { x: number; scores: number[] }[] {
  const each = Math.ceil(frames.length / MAX_POINTS);
  return Array.from({ length: Math.ceil(frames.length / each) }, (_, i) => {
    const group = frames.slice(i * each, (i + 1) * each);
    return {
      x: (100 * (group[0]!.start + group.at(-1)!.end)) / 2 / duration,
      scores: names.map((name) => group.reduce((sum, { scores }) => sum + (scores[name] ?? 0), 0) / group.length),
    };
  });
}
