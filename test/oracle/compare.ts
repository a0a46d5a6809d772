/** How decoded samples differ from the expected ones. */
export interface Difference {
  /** Pearson's correlation at the best lag. */
  correlation: number;
  /** Level of the decoded samples relative to the expected ones in dB (root mean square). */
  level: number;
  /** Difference in length in samples. Positive if the decoded clip is longer. */
  length: number;
  /** Delay of the decoded samples. */
  lag: number;
}

/** Returns the mean of the channels of interleaved samples, as the library mixes them down. */
export function monoOf(samples: Float32Array, channels: number): Float32Array {
  return Float32Array.from({ length: Math.floor(samples.length / channels) }, (_, i) => {
    let sum = 0;
    for (let c = 0; c < channels; c++) sum += samples[i * channels + c]!;
    return sum / channels;
  });
}

/**
 * Compares decoded samples with the expected ones.
 * @param slack maximum delay of the codec in samples
 * @param parts number of equal parts, each with its own delay; the worst one counts
 */
export function difference(decoded: Float32Array, expected: Float32Array, slack: number, parts = 1): Difference {
  let worst = { correlation: Infinity, lag: 0 };
  for (let part = 0; part < parts; part++) {
    // Where parts meet, the end of one overlaps the start of the next. A frame is excluded on both sides.
    const begin = Math.floor((part * expected.length) / parts) + (part === 0 ? 0 : slack);
    const end = Math.floor(((part + 1) * expected.length) / parts) - (part === parts - 1 ? 0 : slack);
    const found = correlationAtBest(decoded, expected, begin, end, slack * (part + 1));
    if (!(found.correlation >= worst.correlation)) worst = found;
  }
  return { ...worst, level: 20 * Math.log10(rms(decoded) / rms(expected)), length: decoded.length - expected.length };
}

function correlationAtBest(
  decoded: Float32Array,
  expected: Float32Array,
  begin: number,
  end: number,
  slack: number,
): { correlation: number; lag: number } {
  const straight = correlation(decoded, expected, 0, begin, end);
  if (slack === 0 || straight > 0.9995) return { correlation: straight, lag: 0 };
  const middle = Math.floor(begin + (end - begin) / 3); // within the speech, not before it
  let lag = 0;
  let most = -Infinity;
  for (let here = -slack; here <= slack; here++) {
    const found = correlation(decoded, expected, here, middle, Math.min(end, middle + 8000));
    if (found > most) [lag, most] = [here, found];
  }
  return { correlation: correlation(decoded, expected, lag, begin, end), lag };
}

function rms(samples: Float32Array): number {
  let sum = 0;
  for (const sample of samples) sum += sample * sample;
  return Math.sqrt(sum / samples.length);
}

/** Pearson's correlation of a[i + lag] with b[i]. */
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
