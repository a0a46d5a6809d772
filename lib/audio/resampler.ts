/** Zero crossings of the sinc on either side, and the pass band's share: torchaudio's defaults. */
const ZERO_CROSSINGS = 6;
const ROLLOFF = 0.99;
const { fround } = Math;

/** Weights of a table that is kept for the next clip: those of odd rates may be a hundred megabytes. */
const KEPT = 2 ** 20;
/** Tables that are kept. */
const TABLES = 4;

/**
 * A windowed sinc filter for each position of an output sample between input samples. torchaudio convolves with a dense
 * kernel, which for coprime rates (44101 -> 16000) takes gigabytes; all but these taps of it are zero. Positions come in
 * order, so a filter is computed when it is first used: what a clip costs depends on its samples, not on its rate's divisors.
 */
class Filters {
  /** Input samples and output samples until positions repeat. */
  readonly from: number;
  readonly to: number;
  /** A multiple of four; the last ones may be zero. */
  readonly taps: number;
  /** Of each position that is ready: the first tap, in input samples from where its block begins; may be negative. */
  readonly first: Int32Array;
  /** [to, taps] of the positions that are ready. The rest is memory that the system has only promised. */
  readonly weights: Float64Array;
  /** Half the window, in input samples. */
  readonly #reach: number;
  /** Positions below are there. */
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

  /** Computes the filters of the positions up to `end`. */
  prepare(end: number): void {
    const { from, to, first, taps, weights } = this;
    const base = this.#base;
    const scale = fround(base / from);
    for (; this.#ready < Math.min(end, to); this.#ready++) {
      const position = this.#ready;
      const centre = (position * from) / to;
      const begin = Math.ceil(centre - this.#reach);
      first[position] = begin;
      // In float32 and in torchaudio's order of operations, whose rounding of t shows in the samples (up to 3e-5).
      const offset = fround(-position / to);
      for (let tap = 0; tap < taps && begin + tap <= centre + this.#reach; tap++) {
        const t = fround(fround(offset + fround((begin + tap) / from)) * fround(base));
        const edge = Math.cos((t * Math.PI) / ZERO_CROSSINGS / 2);
        const angle = t * Math.PI;
        weights[position * taps + tap] = (angle === 0 ? 1 : Math.sin(angle) / angle) * edge * edge * scale;
      }
    }
  }
}

/** Of the rates that came last: clips of one source share them. */
const latest = new Map<string, Filters>();

function filtersOf(fromRate: number, toRate: number): Filters {
  const key = `${fromRate}/${toRate}`;
  const filters = latest.get(key) ?? new Filters(fromRate, toRate);
  latest.delete(key);
  if (filters.weights.length <= KEPT) latest.set(key, filters);
  for (const [oldest] of latest) if (latest.size > TABLES) latest.delete(oldest);
  return filters;
}

/** Changes the rate of samples as they come, with the numbers of torchaudio's default resampler. What it holds is bounded. */
export class Resampler {
  readonly #filters: Filters;
  /** Input that is needed still, from `#begin` on: silence before the clip. */
  #held: Float32Array;
  #begin: number;
  #end = 0;
  #made = 0;

  /** @param fromRate @param toRate Hz */
  constructor(fromRate: number, toRate: number) {
    this.#filters = filtersOf(fromRate, toRate);
    this.#begin = Math.min(0, this.#filters.first[0]!);
    this.#held = new Float32Array(-this.#begin);
  }

  /** The output that is complete with these samples. */
  push(samples: Float32Array): Float32Array {
    this.#end += samples.length;
    this.#hold(samples);
    return this.#make(Infinity);
  }

  /** The rest: behind the clip there is silence. */
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

  /** Output up to sample `most`, as far as its input is there; input that no more of it needs goes. */
  #make(most: number): Float32Array {
    const { from, to, first, taps, weights } = this.#filters;
    const [held, begin] = [this.#held, this.#begin];
    const there = begin + held.length;
    const output = new Float32Array(Math.max(0, Math.min(most, Math.ceil((there * to) / from)) - this.#made));
    let position = this.#made % to;
    let block = ((this.#made - position) / to) * from;
    let count = 0;
    this.#filters.prepare(position + output.length + 1); // and the one behind, which says what is kept
    for (; count < output.length && block + first[position]! + taps <= there; count++) {
      const at = block + first[position]! - begin;
      const row = position * taps;
      let [a, b, c, d] = [0, 0, 0, 0]; // four sums, so that no addition waits for the one before
      for (let tap = 0; tap < taps; tap += 4) {
        a += held[at + tap]! * weights[row + tap]!;
        b += held[at + tap + 1]! * weights[row + tap + 1]!;
        c += held[at + tap + 2]! * weights[row + tap + 2]!;
        d += held[at + tap + 3]! * weights[row + tap + 3]!;
      }
      output[count] = a + b + (c + d);
      if (++position === to) {
        position = 0;
        block += from;
      }
    }
    this.#made += count;
    const needed = Math.min(there, block + first[position]!);
    this.#held = held.slice(needed - begin);
    this.#begin = needed;
    return count === output.length ? output : output.slice(0, count);
  }
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}
