import { encodeNpy } from '../../lib/audio/write/npy.js';
import type { FuzzTarget } from '../target.js';

const HEADER = /^\{'descr': '<f4', 'fortran_order': False, 'shape': \(((?:\d+, )*\d+,?|)\), \} *\n$/;

/** Reads encoded arrays by the rules of NumPy's format and compares the shape and every byte of the samples. */
export const target: FuzzTarget = {
  seeds: () => [Buffer.from([1, 4, 0, 0, 128, 63]), Buffer.from([3, 2, 3, 4, ...Buffer.alloc(96, 7)])],
  maxBytes: 4096,
  fuzz(data) {
    const dimensions = (data[0] ?? 0) % 5;
    const sizes = [...data.subarray(1, dimensions)].map((size) => 1 + (size % 7));
    const inner = sizes.reduce((product, size) => product * size, 1);
    const rest = data.subarray(dimensions + 1);
    const rows = Math.floor(rest.length / 4 / inner);
    const shape = dimensions === 0 ? [Math.floor(rest.length / 4)] : [rows, ...sizes];
    const count = shape.reduce((product, size) => product * size, 1);
    const samples = new Float32Array(rest.buffer.slice(rest.byteOffset, rest.byteOffset + 4 * count));
    const file = Buffer.from(encodeNpy(samples, shape));

    const length = file.readUInt16LE(8);
    const [magic, header, body] = [
      file.toString('latin1', 0, 8),
      file.toString('latin1', 10, 10 + length),
      file.subarray(10 + length),
    ];
    if (magic !== '\x93NUMPY\x01\x00') throw new Error(`magic ${JSON.stringify(magic)}`);
    if ((10 + length) % 64 !== 0)
      throw new Error(`the samples start at byte ${10 + length}, which is not a multiple of 64`);
    const sizesRead = HEADER.exec(header)?.[1]?.split(',').filter(Boolean).map(Number);
    if (sizesRead?.join() !== shape.join()) throw new Error(`the header is ${header} for the shape ${shape.join()}`);
    if (!body.equals(Buffer.from(samples.buffer))) throw new Error('the samples differ');
  },
};
