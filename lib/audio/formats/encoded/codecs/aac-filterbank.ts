import { FRAME_LENGTH, SEQUENCE, SHORT_LENGTH, type WindowSequence } from './aac-frame.js';

/** Length of the flat parts of a window that changes between long and short blocks; also where the first short window begins. */
const FLAT = (FRAME_LENGTH - SHORT_LENGTH) / 2;
const ALPHA = { long: 4, short: 6 };

/** Rising halves of the windows, by shape: 0 sine, 1 Kaiser-Bessel derived. */
const WINDOWS = {
  long: [sine(FRAME_LENGTH), kaiserBessel(FRAME_LENGTH, ALPHA.long)],
  short: [sine(SHORT_LENGTH), kaiserBessel(SHORT_LENGTH, ALPHA.short)],
};

function sine(size: number): Float64Array {
  return Float64Array.from({ length: size }, (_, i) => Math.sin((Math.PI / (2 * size)) * (i + 0.5)));
}

function kaiserBessel(size: number, alpha: number): Float64Array {
  const sums = new Float64Array(size + 1);
  for (let i = 0, sum = 0; i <= size; i++) {
    const x = (2 * i) / size - 1;
    sums[i] = sum += bessel(Math.PI * alpha * Math.sqrt(1 - x * x));
  }
  return Float64Array.from({ length: size }, (_, i) => Math.sqrt(sums[i]! / sums[size]!));
}

/** Modified Bessel function of the first kind and order 0. */
function bessel(x: number): number {
  let [sum, term] = [1, 1];
  for (let k = 1; term > sum * 1e-16; k++) sum += term *= (x / (2 * k)) ** 2;
  return sum;
}

/** Synthesizes samples from spectral coefficients: inverse MDCT, windowing, and overlap-add with the previous frame. */
export class Filterbank {
  readonly #overlap = new Float64Array(FRAME_LENGTH);
  #shape = 0;

  /** @returns 1024 samples, nominally -32768..32767 */
  process(spectrum: Float64Array, sequence: WindowSequence, shape: number): Float64Array {
    const block =
      sequence === SEQUENCE.eightShort ? this.#short(spectrum, shape) : this.#long(spectrum, sequence, shape);
    const samples = new Float64Array(FRAME_LENGTH);
    for (let i = 0; i < FRAME_LENGTH; i++) samples[i] = block[i]! + this.#overlap[i]!;
    this.#overlap.set(block.subarray(FRAME_LENGTH));
    this.#shape = shape;
    return samples;
  }

  #long(spectrum: Float64Array, sequence: WindowSequence, shape: number): Float64Array {
    const block = transforms.long.inverse(spectrum);
    const [before, after] = [
      sequence === SEQUENCE.longStop ? 'short' : 'long',
      sequence === SEQUENCE.longStart ? 'short' : 'long',
    ] as const;
    rise(block, before, WINDOWS[before][this.#shape]!);
    fall(block, after, WINDOWS[after][shape]!);
    return block;
  }

  #short(spectrum: Float64Array, shape: number): Float64Array {
    const block = new Float64Array(2 * FRAME_LENGTH);
    const window = WINDOWS.short[shape]!;
    for (let index = 0; index < 8; index++) {
      const piece = transforms.short.inverse(spectrum.subarray(index * SHORT_LENGTH, (index + 1) * SHORT_LENGTH));
      const rising = index === 0 ? WINDOWS.short[this.#shape]! : window;
      const at = FLAT + index * SHORT_LENGTH;
      for (let i = 0; i < SHORT_LENGTH; i++) {
        block[at + i]! += piece[i]! * rising[i]!;
        block[at + SHORT_LENGTH + i]! += piece[SHORT_LENGTH + i]! * window[SHORT_LENGTH - 1 - i]!;
      }
    }
    return block;
  }
}

function rise(block: Float64Array, kind: 'long' | 'short', window: Float64Array): void {
  const start = kind === 'long' ? 0 : FLAT;
  block.fill(0, 0, start);
  for (let i = 0; i < window.length; i++) block[start + i]! *= window[i]!;
}

function fall(block: Float64Array, kind: 'long' | 'short', window: Float64Array): void {
  const start = FRAME_LENGTH + (kind === 'long' ? 0 : FLAT);
  for (let i = 0; i < window.length; i++) block[start + i]! *= window[window.length - 1 - i]!;
  block.fill(0, start + window.length);
}

/**
 * Inverse modified discrete cosine transform (IMDCT), computed with a complex Fourier transform of a quarter of its output size.
 */
class InverseMdct {
  readonly #size: number;
  /** Twiddle factors of the steps before and after the Fourier transform, as pairs of cosine and sine. */
  readonly #twiddles: Float64Array;
  readonly #roots: Float64Array;
  readonly #order: Uint16Array;
  readonly #real: Float64Array;
  readonly #imaginary: Float64Array;

  /** @param size number of coefficients, a power of two */
  constructor(size: number) {
    const half = size / 2;
    this.#size = size;
    this.#twiddles = new Float64Array(size);
    this.#roots = new Float64Array(size);
    this.#order = new Uint16Array(half);
    this.#real = new Float64Array(half);
    this.#imaginary = new Float64Array(half);
    const bits = Math.log2(half);
    for (let i = 0; i < half; i++) {
      const angle = (-Math.PI * (4 * i + 1)) / (4 * size);
      this.#twiddles[2 * i] = Math.cos(angle);
      this.#twiddles[2 * i + 1] = Math.sin(angle);
      this.#roots[2 * i] = Math.cos((-2 * Math.PI * i) / half);
      this.#roots[2 * i + 1] = Math.sin((-2 * Math.PI * i) / half);
      for (let bit = 0; bit < bits; bit++) this.#order[i]! |= ((i >> bit) & 1) << (bits - 1 - bit);
    }
  }

  /** @returns twice as many samples as there are coefficients */
  inverse(spectrum: Float64Array): Float64Array {
    const size = this.#size;
    const half = size / 2;
    const quarter = half / 2;
    const [re, im, twiddles, order] = [this.#real, this.#imaginary, this.#twiddles, this.#order];
    for (let i = 0; i < half; i++) {
      const a = spectrum[2 * i]!;
      const b = spectrum[size - 1 - 2 * i]!;
      const c = twiddles[2 * i]!;
      const s = twiddles[2 * i + 1]!;
      const at = order[i]!;
      re[at] = a * c - b * s;
      im[at] = a * s + b * c;
    }
    this.#fourier();
    const samples = new Float64Array(2 * size);
    const scale = 1 / size;
    // Each output of the DCT-IV, at 2i and at size - 1 - 2i, appears twice in the output of the IMDCT.
    for (let i = 0; i < half; i++) {
      const c = twiddles[2 * i]!;
      const s = twiddles[2 * i + 1]!;
      const even = (re[i]! * c - im[i]! * s) * scale;
      const odd = (re[i]! * s + im[i]! * c) * scale;
      if (i < quarter) {
        samples[3 * half - 1 - 2 * i] = -even;
        samples[3 * half + 2 * i] = -even;
        samples[half - 1 - 2 * i] = -odd;
        samples[half + 2 * i] = odd;
      } else {
        samples[2 * i - half] = even;
        samples[3 * half - 1 - 2 * i] = -even;
        samples[half + 2 * i] = odd;
        samples[5 * half - 1 - 2 * i] = odd;
      }
    }
    return samples;
  }

  #fourier(): void {
    const [re, im, roots] = [this.#real, this.#imaginary, this.#roots];
    const size = re.length;
    for (let span = 1; span < size; span *= 2) {
      const step = size / span; // in pairs of cosine and sine, so twice the step in roots
      for (let i = 0, root = 0; i < span; i++, root += step) {
        const c = roots[root]!;
        const s = roots[root + 1]!;
        for (let a = i; a < size; a += 2 * span) {
          const b = a + span;
          const x = re[b]! * c - im[b]! * s;
          const y = re[b]! * s + im[b]! * c;
          re[b] = re[a]! - x;
          im[b] = im[a]! - y;
          re[a]! += x;
          im[a]! += y;
        }
      }
    }
  }
}

const transforms = { long: new InverseMdct(FRAME_LENGTH), short: new InverseMdct(SHORT_LENGTH) };
