import { type Cell, type Confusion, confusionOf, quantile } from './metrics.js';
import { randomFrom } from './random.js';

export const RESAMPLES = 1000;
const SEED = 1;

export interface Estimate {
  value: number;
  /** Lower bound of the 95% confidence interval. */
  low: number;
  /** Upper bound. */
  high: number;
}

/**
 * Estimates statistics with percentile bootstrap intervals. Each resample draws as many units as there are, with replacement,
 * and takes all clips of a unit. If speakers are known, they are the units: clips of one speaker are correlated, so that
 * resampling clips would make the intervals too narrow.
 * @param size number of labels, which is the size of the confusion matrix
 * @param units cells of the clips of each unit
 */
export function bootstrap<K extends string>(
  size: number,
  units: readonly (readonly Cell[])[],
  statistics: Readonly<Record<K, (matrix: Confusion) => number>>,
): Record<K, Estimate> {
  const random = randomFrom(SEED);
  const { starts, places, counts } = countsOf(size, units);
  const resamples = Array.from({ length: RESAMPLES }, () => {
    const total = new Float64Array(size * size);
    for (let i = 0; i < units.length; i++) {
      const unit = Math.floor(random() * units.length);
      for (let at = starts[unit]!; at < starts[unit + 1]!; at++) total[places[at]!]! += counts[at]!;
    }
    return Array.from({ length: size }, (_, row) => [...total.subarray(row * size, (row + 1) * size)]);
  });
  const whole = confusionOf(size, units.flat());
  const estimate = (statistic: (matrix: Confusion) => number): Estimate => {
    const values = resamples.map(statistic);
    return { value: statistic(whole), low: quantile(values, 0.025), high: quantile(values, 0.975) };
  };
  const entries = Object.entries<(matrix: Confusion) => number>(statistics);
  return Object.fromEntries(entries.map(([name, statistic]) => [name, estimate(statistic)])) as Record<K, Estimate>;
}

/**
 * Returns the non-zero places of each unit's confusion matrix and their counts. Those of unit u are at starts[u] up to
 * starts[u + 1]. Flat arrays keep the bootstrap fast: it draws millions of units, and there may be 100,000 clips.
 */
function countsOf(size: number, units: readonly (readonly Cell[])[]) {
  const starts = [0];
  const places: number[] = [];
  const counts: number[] = [];
  for (const cells of units) {
    const own = new Map<number, number>();
    for (const [truth, prediction] of cells) {
      const place = truth * size + prediction;
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
