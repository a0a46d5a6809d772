import { type Cell, type Confusion, confusionOf, quantile } from './metrics.js';
import { randomFrom } from './random.js';

export const DRAWS = 1000;
const SEED = 1;

export interface Estimate {
  value: number;
  /** Of the 95 % interval. */
  low: number;
  high: number;
}

/**
 * Statistics with percentile intervals: units are drawn with replacement, as many as there are, with all their clips. Clips of
 * a speaker are alike, so where speakers are known they are the units: drawing clips would make the intervals too narrow.
 */
export function bootstrap<K extends string>(
  size: number,
  units: readonly (readonly Cell[])[],
  statistics: Readonly<Record<K, (matrix: Confusion) => number>>,
): Record<K, Estimate> {
  const random = randomFrom(SEED);
  const { starts, places, counts } = countsOf(size, units);
  const drawn = Array.from({ length: DRAWS }, () => {
    const total = new Float64Array(size * size);
    for (let i = 0; i < units.length; i++) {
      const unit = Math.floor(random() * units.length);
      for (let at = starts[unit]!; at < starts[unit + 1]!; at++) total[places[at]!]! += counts[at]!;
    }
    return Array.from({ length: size }, (_, row) => [...total.subarray(row * size, (row + 1) * size)]);
  });
  const whole = confusionOf(size, units.flat());
  const estimate = (statistic: (matrix: Confusion) => number): Estimate => {
    const values = drawn.map(statistic);
    return { value: statistic(whole), low: quantile(values, 0.025), high: quantile(values, 0.975) };
  };
  const entries = Object.entries<(matrix: Confusion) => number>(statistics);
  return Object.fromEntries(entries.map(([name, statistic]) => [name, estimate(statistic)])) as Record<K, Estimate>;
}

/**
 * The places of each unit's matrix that are not zero, and their counts: of unit u those from starts[u] to starts[u + 1]. In
 * three arrays, since millions are drawn of what may be a hundred thousand clips.
 */
function countsOf(size: number, units: readonly (readonly Cell[])[]) {
  const starts = [0];
  const places: number[] = [];
  const counts: number[] = [];
  for (const cells of units) {
    const own = new Map<number, number>();
    for (const [truth, answer] of cells) {
      const place = truth * size + answer;
      own.set(place, (own.get(place) ?? 0) + 1);
    }
    for (const [place, count] of own) {
      places.push(place);
      counts.push(count);
    }
    starts.push(places.length);
  }
  return { starts: Uint32Array.from(starts), places: Uint32Array.from(places), counts: Uint32Array.from(counts) };
}
