import { writeFileSync } from 'node:fs';

import { zipOf } from './zip.js';

/** A float32 tensor to be stored in row-major order. */
export interface Stored {
  shape: number[];
  data: Float32Array;
}

/** Writes pickles in protocol 2, both as torch.save does and hostile ones. */
export class Pickler {
  readonly #parts: Buffer[] = [Buffer.from([0x80, 2])];
  readonly storages: Float32Array[] = [];

  raw(...bytes: (number | string | Buffer)[]): this {
    for (const byte of bytes) this.#parts.push(typeof byte === 'number' ? Buffer.from([byte]) : Buffer.from(byte));
    return this;
  }

  global(module: string, name: string): this {
    return this.raw(`c${module}\n${name}\n`);
  }

  text(value: string): this {
    const bytes = Buffer.from(value);
    const size = Buffer.alloc(4);
    size.writeUInt32LE(bytes.length);
    this.#parts.push(Buffer.from('X'), size, bytes);
    return this;
  }

  int(value: number): this {
    const bytes = Buffer.alloc(4);
    bytes.writeInt32LE(value);
    this.#parts.push(Buffer.from('J'), bytes);
    return this;
  }

  ints(values: readonly number[]): this {
    this.raw('(');
    for (const value of values) this.int(value);
    return this.raw('t');
  }

  /** torch._utils._rebuild_tensor_v2((storage, KEY, "cpu", n), 0, shape, stride, False, OrderedDict()). */
  tensor({ shape, data }: Stored, size = data.length): this {
    const stride = shape.map((_, i) => shape.slice(i + 1).reduce((product, n) => product * n, 1));
    this.global('torch._utils', '_rebuild_tensor_v2').raw('(', '(').text('storage').global('torch', 'FloatStorage');
    this.text(String(this.storages.length)).text('cpu').int(size).raw('t', 'Q').int(0).ints(shape).ints(stride);
    this.storages.push(data);
    return this.raw(0x89).global('collections', 'OrderedDict').raw(')', 'R', 't', 'R');
  }

  dict(entries: readonly (readonly [string, (pickler: this) => void])[]): this {
    this.raw('}', '(');
    for (const [key, write] of entries) {
      this.text(key);
      write(this);
    }
    return this.raw('u');
  }

  finish(): Buffer {
    return Buffer.concat([...this.#parts, Buffer.from('.')]);
  }
}

/** Writes a checkpoint in the layout of FunASR's model.pt: weights under "model" beside an unknown class and optimizer state. */
export function writeCheckpoint(file: string, weights: ReadonlyMap<string, Stored>): void {
  const pickler = new Pickler();
  pickler.dict([
    ['args', (p) => p.raw('N')],
    ['cfg', (p) => p.global('types', 'SimpleNamespace').raw(')', 'R', '}', '(').text('task').text('x').raw('u', 'b')],
    ['model', (p) => p.dict([...weights].map(([name, tensor]) => [name, (inner) => inner.tensor(tensor)] as const))],
    ['optimizer', (p) => p.dict([['exp_avg', (inner) => inner.tensor({ shape: [4], data: new Float32Array(4) })]])],
  ]);
  writeSaved(file, pickler.finish(), pickler.storages);
}

/** Writes the zip file around a pickle and its storages. */
export function writeSaved(
  file: string,
  pickle: Buffer,
  storages: readonly Float32Array[] = [],
  { compress = false, extra = {} }: { compress?: boolean; extra?: Record<string, string> } = {},
): void {
  const members = [
    { name: 'archive/data.pkl', content: pickle },
    { name: 'archive/byteorder', content: Buffer.from('little') },
    ...Object.entries(extra).map(([name, text]) => ({ name, content: Buffer.from(text) })),
    ...storages.map((data, i) => ({
      name: `archive/data/${i}`,
      content: Buffer.from(data.buffer, data.byteOffset, data.byteLength),
    })),
  ];
  writeFileSync(file, zipOf(members.map((member) => ({ ...member, compress }))));
}
