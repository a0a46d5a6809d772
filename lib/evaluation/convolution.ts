/** Convolution by fast Fourier transform. */

/** Transforms in place. The length must be a power of two. */
function fft(re: Float64Array, im: Float64Array, inverse: boolean): void {
  const n = re.length;
  for (let i = 1, j = 0; i < n; i++) {
    let bit = n >> 1;
    for (; j & bit; bit >>= 1) j ^= bit;
    j ^= bit;
    if (i >= j) continue;
    [re[i], re[j]] = [re[j]!, re[i]!];
    [im[i], im[j]] = [im[j]!, im[i]!];
  }
  for (let size = 2; size <= n; size *= 2) {
    const half = size / 2;
    const angle = ((inverse ? 2 : -2) * Math.PI) / size;
    for (let k = 0; k < half; k++) {
      const [c, s] = [Math.cos(angle * k), Math.sin(angle * k)];
      for (let at = k; at < n; at += size) {
        const [a, b] = [re[at + half]! * c - im[at + half]! * s, re[at + half]! * s + im[at + half]! * c];
        re[at + half] = re[at]! - a;
        im[at + half] = im[at]! - b;
        re[at]! += a;
        im[at]! += b;
      }
    }
  }
}

/**
 * Convolves samples with a response and returns as many samples as were given, without the tail. Uses overlap-add, so that the
 * memory for the transforms does not grow with the clip.
 */
export function convolve(samples: Float32Array, response: Float64Array): Float32Array {
  const size = 2 ** Math.ceil(Math.log2(2 * response.length));
  const step = size - response.length + 1;
  const [filterRe, filterIm] = [new Float64Array(size), new Float64Array(size)];
  filterRe.set(response);
  fft(filterRe, filterIm, false);
  const output = new Float32Array(samples.length);
  for (let start = 0; start < samples.length; start += step) {
    const [re, im] = [new Float64Array(size), new Float64Array(size)];
    re.set(samples.subarray(start, start + step));
    fft(re, im, false);
    for (let i = 0; i < size; i++) {
      const [a, b] = [re[i]!, im[i]!];
      re[i] = (a * filterRe[i]! - b * filterIm[i]!) / size;
      im[i] = (a * filterIm[i]! + b * filterRe[i]!) / size;
    }
    fft(re, im, true);
    for (let i = 0; i < Math.min(size, samples.length - start); i++) output[start + i]! += re[i]!;
  }
  return output;
}
