/** Returns a new array with the contents of all arrays. */
export function concatFloats(parts: readonly Float32Array[]): Float32Array {
  return fill(new Float32Array(totalLength(parts)), parts);
}

/**
 * Returns a new array with the contents of all arrays. Its buffer can be transferred to another thread, unlike that of
 * `Buffer.concat`, which may return a view of Node's shared buffer pool.
 */
export function concatBytes(parts: readonly Uint8Array[]): Uint8Array {
  return fill(new Uint8Array(totalLength(parts)), parts);
}

function totalLength(parts: readonly { length: number }[]): number {
  return parts.reduce((sum, { length }) => sum + length, 0);
}

function fill<T extends Float32Array | Uint8Array>(whole: T, parts: readonly T[]): T {
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
