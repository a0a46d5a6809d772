/** Reads a .npy file of little-endian float32 in row-major order. The server writes no other kind. */
export function readNpy(bytes: ArrayBuffer): { shape: number[]; data: Float32Array } {
  const view = new DataView(bytes);
  const headerLength = view.getUint16(8, true);
  const header = new TextDecoder('latin1').decode(new Uint8Array(bytes, 10, headerLength));
  const shape = /'shape': \(([^)]*)\)/.exec(header)?.[1];
  if (!header.includes("'<f4'") || shape === undefined) throw new Error('not a float32 .npy file');
  const data = new Float32Array(bytes.slice(10 + headerLength));
  return {
    shape: shape
      .split(',')
      .filter((size) => size.trim() !== '')
      .map(Number),
    data,
  };
}

/** Returns the mean of the rows of [T, D]; a vector [D] is returned unchanged. */
export function meanVector({ shape, data }: { shape: number[]; data: Float32Array }): Float32Array {
  if (shape.length < 2) return data;
  const [rows, columns] = shape as [number, number];
  const mean = new Float32Array(columns);
  for (let i = 0; i < data.length; i++) mean[i % columns]! += data[i]! / rows;
  return mean;
}

/** Returns the cosine similarity of two vectors, -1 to 1. */
export function cosine(a: Float32Array, b: Float32Array): number {
  let [product, left, right] = [0, 0, 0];
  for (let i = 0; i < a.length; i++) {
    product += a[i]! * b[i]!;
    left += a[i]! ** 2;
    right += b[i]! ** 2;
  }
  return product / Math.sqrt(left * right || 1);
}
