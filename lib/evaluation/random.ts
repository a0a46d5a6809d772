/** Returns a generator of uniform numbers in [0, 1) that is reproducible for a seed: mulberry32. */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let x = Math.imul(state ^ (state >>> 15), state | 1);
    x ^= x + Math.imul(x ^ (x >>> 7), x | 61);
    return ((x ^ (x >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Returns white Gaussian noise of variance 1, made by the Box-Muller transform. */
export function gaussianNoise(length: number, seed: number): Float64Array {
  const random = randomFrom(seed);
  return Float64Array.from({ length }, () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random()));
}

/** Returns the seed of a name, which does not depend on the other clips: its FNV-1a hash. */
export function seedOf(name: string): number {
  let value = 0x811c9dc5;
  for (const byte of Buffer.from(name)) value = Math.imul(value ^ byte, 0x01000193);
  return value >>> 0;
}
