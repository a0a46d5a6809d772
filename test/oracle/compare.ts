/** How our samples differ from the right ones. */
export interface Difference {
  /** Pearson's, at the best lag. */
  correlation: number;
  /** dB: of our root mean square above theirs. */
  level: number;
  /** Samples: ours less theirs. */
  length: number;
  /** Samples by which ours come later. */
  lag: number;
}

/** The mean of the channels of interleaved samples: what we make of a clip. */
export function monoOf(samples: Float32Array, channels: number): Float32Array {
  return Float32Array.from({ length: Math.floor(samples.length / channels) }, (_, i) => {
    let sum = 0;
    for (let c = 0; c < channels; c++) sum += samples[i * channels + c]!;
    return sum / channels;
  });
}

/**
 * @param slack samples by which a codec may delay what it decodes
 * @param parts equal parts, each with a delay of its own; the worst counts
 */
export function difference(ours: Float32Array, right: Float32Array, slack: number, parts = 1): Difference {
  let worst = { correlation: Infinity, lag: 0 };
  for (let part = 0; part < parts; part++) {
    // where parts meet, the end of one lies on the start of the next: a frame is left out on both sides
    const begin = Math.floor((part * right.length) / parts) + (part === 0 ? 0 : slack);
    const end = Math.floor(((part + 1) * right.length) / parts) - (part === parts - 1 ? 0 : slack);
    const found = correlationAtBest(ours, right, begin, end, slack * (part + 1));
    if (!(found.correlation >= worst.correlation)) worst = found;
  }
  return { ...worst, level: 20 * Math.log10(rms(ours) / rms(right)), length: ours.length - right.length };
}

function correlationAtBest(
  ours: Float32Array,
  right: Float32Array,
  begin: number,
  end: number,
  slack: number,
): { correlation: number; lag: number } {
  const straight = correlation(ours, right, 0, begin, end);
  if (slack === 0 || straight > 0.9995) return { correlation: straight, lag: 0 };
  const middle = Math.floor(begin + (end - begin) / 3); // speech, not what comes before it
  let lag = 0;
  let most = -Infinity;
  for (let here = -slack; here <= slack; here++) {
    const found = correlation(ours, right, here, middle, Math.min(end, middle + 8000));
    if (found > most) [lag, most] = [here, found];
  }
  return { correlation: correlation(ours, right, lag, begin, end), lag };
}

function rms(samples: Float32Array): number {
  let sum = 0;
  for (const sample of samples) sum += sample * sample;
  return Math.sqrt(sum / samples.length);
}

/** Pearson's, of a[i + lag] with b[i]. */
function correlation(a: Float32Array, b: Float32Array, lag: number, begin: number, end: number): number {
  const first = Math.max(begin, -lag);
  const last = Math.min(end, b.length, a.length - lag);
  const n = Math.max(1, last - first);
  let [x, y, xx, yy, xy] = [0, 0, 0, 0, 0];
  for (let i = first; i < last; i++) {
    const p = a[i + lag]!;
    const q = b[i]!;
    x += p;
    y += q;
    xx += p * p;
    yy += q * q;
    xy += p * q;
  }
  return (n * xy - x * y) / Math.sqrt((n * xx - x * x) * (n * yy - y * y));
}
