/** Encodes a NumPy file (format 1.0) of little-endian float32 values in row-major order. */
export function encodeNpy(data: Float32Array, shape: readonly number[]): Uint8Array {
  const description = `{'descr': '<f4', 'fortran_order': False, 'shape': (${shape.join(', ')}${shape.length === 1 ? ',' : ''}), }`;
  const preamble = 10; // magic, version, header length
  const padded = Math.ceil((preamble + description.length + 1) / 64) * 64; // NumPy requires the data at a multiple of 64, so that it can be memory-mapped
  const header = `${description.padEnd(padded - preamble - 1)}\n`;
  const file = Buffer.alloc(padded + data.byteLength);
  file.write('\x93NUMPY\x01\x00', 0, 'latin1');
  file.writeUInt16LE(header.length, 8);
  file.write(header, preamble, 'latin1');
  Buffer.from(data.buffer, data.byteOffset, data.byteLength).copy(file, padded);
  return file;
}
