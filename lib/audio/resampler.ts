/**
 * Number of zero crossings of the sinc on either side, and roll-off frequency as a fraction of Nyquist: torchaudio's defaults.
 */
const ZERO_CROSSINGS = 6;
const ROLLOFF = 0.99;
const { fround } = Math;

/** Maximum number of weights in a cached table: the tables of odd sample rates can take a hundred megabytes. */
const MAX_CACHED_WEIGHTS = 2 ** 20;
/** Maximum number of cached tables. */
const MAX_CACHED_TABLES = 4;

/**
 * A polyphase filter bank: one windowed sinc filter for each position (phase) of an output sample between input samples.
 * torchaudio convolves with a dense kernel, which takes gigabytes for coprime rates (44101 -> 16000); all but these taps of the
 * kernel are zero. Positions are used in order and a filter is computed on first use, so the cost of a clip depends on its length
 * and not on the divisors of its rate.
 */
class Filters {
  /** Number of input samples and of output samples after which the positions repeat. */
  readonly from: number;
  readonly to: number;
  /** Number of taps of each filter. A multiple of four; the last ones may be zero. */
  readonly taps: number;
  /** Offset of each filter's first tap in input samples from the start of its period. May be negative. */
  readonly first: Int32Array;
  /**
   * Weights, [to, taps]. Rows of positions that are not computed yet are untouched memory, which the system does not allocate.
   */
  readonly weights: Float64Array;
  /** Half the window, in input samples. */
  readonly #reach: number;
  /** Number of positions whose filters are computed. */
  #ready = 0;

  constructor(fromRate: number, toRate: number) {
    const divisor = greatestCommonDivisor(fromRate, toRate);
    [this.from, this.to] = [fromRate / divisor, toRate / divisor];
    this.#reach = (ZERO_CROSSINGS / this.#base) * this.from;
    this.taps = 4 * Math.ceil((Math.floor(2 * this.#reach) + 1) / 4);
    this.first = new Int32Array(this.to);
    this.weights = new Float64Array(this.to * this.taps);
    this.prepare(1);
  }

  get #base(): number {
    return Math.min(this.from, this.to) * ROLLOFF;
  }

  /** Computes the filters of the positions before `end`. */
  prepare(end: number): void {
    const { from, to, first, taps, weights } = this;
    const base = this.#base;
    const scale = fround(base / from);
    for (; this.#ready < Math.min(end, to); this.#ready++) {
      const position = this.#ready;
      const center = (position * from) / to;
      const begin = Math.ceil(center - this.#reach);
      first[position] = begin;
      // Computed in float32 and in torchaudio's order of operations: the rounding of t changes samples by up to 3e-5.
      const offset = fround(-position / to);
      for (let tap = 0; tap < taps && begin + tap <= center + this.#reach; tap++) {
        const t = fround(fround(offset + fround((begin + tap) / from)) * fround(base));
        const edge = Math.cos((t * Math.PI) / ZERO_CROSSINGS / 2);
        const angle = t * Math.PI;
        weights[position * taps + tap] = (angle === 0 ? 1 : Math.sin(angle) / angle) * edge * edge * scale;
      }
    }
  }
}

/** Tables of the most recently used rates. Clips of one source have the same rate. */
const cache = new Map<string, Filters>();

function filtersOf(fromRate: number, toRate: number): Filters {
  const key = `${fromRate}/${toRate}`;
  const filters = cache.get(key) ?? new Filters(fromRate, toRate);
  cache.delete(key);
  if (filters.weights.length <= MAX_CACHED_WEIGHTS) cache.set(key, filters);
  for (const [oldest] of cache) if (cache.size > MAX_CACHED_TABLES) cache.delete(oldest);
  return filters;
}

/** Resamples a stream of samples with bounded memory. The results match torchaudio's default resampler. */
export class Resampler {
  readonly #filters: Filters;
  /** Input that is still needed, from sample `#begin` on. It begins with the silence before the clip. */
  #held: Float32Array;
  #begin: number;
  /** Number of input samples so far. */
  #end = 0;
  /** Number of output samples so far. */
  #made = 0;

  /**
   * @param fromRate in Hz
   * @param toRate in Hz
   */
  constructor(fromRate: number, toRate: number) {
    this.#filters = filtersOf(fromRate, toRate);
    this.#begin = Math.min(0, this.#filters.first[0]!);
    this.#held = new Float32Array(-this.#begin);
  }

  /** Returns the output samples that these input samples complete. */
  push(samples: Float32Array): Float32Array {
    this.#end += samples.length;
    this.#hold(samples);
    return this.#make(Infinity);
  }

  /** Returns the remaining output. The clip is followed by silence. */
  finish(): Float32Array {
    const { from, to, taps } = this.#filters;
    const total = Math.ceil((this.#end * to) / from);
    this.#hold(new Float32Array(taps));
    return this.#make(total);
  }

  #hold(samples: Float32Array): void {
    const held = new Float32Array(this.#held.length + samples.length);
    held.set(this.#held);
    held.set(samples, this.#held.length);
    this.#held = held;
  }

  /** Computes the output that the input allows, at most up to sample `limit`, and discards input that is no longer needed. */
  #make(limit: number): Float32Array {
    const { from, to, first, taps, weights } = this.#filters;
    const [held, begin] = [this.#held, this.#begin];
    const available = begin + held.length;
    const output = new Float32Array(Math.max(0, Math.min(limit, Math.ceil((available * to) / from)) - this.#made));
    let position = this.#made % to;
    let period = ((this.#made - position) / to) * from;
    let count = 0;
    this.#filters.prepare(position + output.length + 1); // including the next position, which decides what is kept
    for (; count < output.length && period + first[position]! + taps <= available; count++) {
      const at = period + first[position]! - begin;
      const row = position * taps;
      let [a, b, c, d] = [0, 0, 0, 0]; // four sums, so that no addition depends on the previous one
      for (let tap = 0; tap < taps; tap += 4) {
        a += held[at + tap]! * weights[row + tap]!;
        b += held[at + tap + 1]! * weights[row + tap + 1]!;
        c += held[at + tap + 2]! * weights[row + tap + 2]!;
        d += held[at + tap + 3]! * weights[row + tap + 3]!;
      }
      output[count] = a + b + (c + d);
      if (++position === to) {
        position = 0;
        period += from;
      }
    }
    this.#made += count;
    const needed = Math.min(available, period + first[position]!);
    this.#held = held.slice(needed - begin);
    this.#begin = needed;
    return count === output.length ? output : output.slice(0, count);
  }
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}
