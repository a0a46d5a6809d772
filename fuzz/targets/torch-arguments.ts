import path from 'node:path';

import { type TorchInput, TorchModule } from '../../lib/torch.js';
import { allowErrorCodes, type FuzzTarget, ROOT } from '../target.js';

/** Resizable buffers are not in this version of TypeScript's library. */
interface Resizable extends ArrayBuffer {
  resizable?: boolean;
  detached?: boolean;
  resize(bytes: number): void;
}
const ResizableBuffer = ArrayBuffer as unknown as new (bytes: number, options?: { maxByteLength: number }) => Resizable;
type View = new (buffer: ArrayBufferLike) => ArrayBufferView & { length?: number };

/** Derives decisions from bytes. The same bytes always produce the same values. */
class Decisions {
  #at = 0;
  readonly #data: Buffer;

  constructor(data: Buffer) {
    this.#data = data;
  }

  get left(): boolean {
    return this.#at < this.#data.length;
  }

  byte(): number {
    return this.#data[this.#at++] ?? 0;
  }

  pick<T>(all: readonly T[]): T {
    return all[this.byte() % all.length]!;
  }
}

const load = (name: string) =>
  TorchModule.load(path.join(ROOT, `test/fixtures/models/${name}.pt`), { device: 'cpu', threads: 1 });
const modules = Promise.all(['types', 'stateful-all', 'namedtuple_in', 'linears-forked'].map(load));

const NUMBERS = [0, 1, -1, 0.5, NaN, Infinity, 2 ** 31, 2 ** 53, -(2 ** 53), 1e308, -0, 255, 1e-320];
const DTYPES = [
  'float32',
  'float64',
  'float16',
  'bfloat16',
  'int8',
  'uint8',
  'int16',
  'int32',
  'int64',
  'bool',
  'complex64',
  '',
];
const ARRAYS: View[] = [
  Float32Array,
  Float64Array,
  Uint16Array,
  Int8Array,
  Uint8Array,
  Int16Array,
  Int32Array,
  BigInt64Array,
  Uint32Array,
  DataView,
];

/** Passes values of all kinds to methods of all signatures. Some have getters that modify their object, dispose or call the module. */
export const target: FuzzTarget = {
  seeds: () =>
    Array.from({ length: 64 }, (_, i) =>
      Buffer.from(Array.from({ length: 40 }, (_, k) => (i * 37 + k * k * 11) % 256)),
    ),
  maxBytes: 400,
  async fuzz(data) {
    const decisions = new Decisions(data);
    const module = decisions.pick(await modules);
    const own = decisions.byte() < 16 ? await load('types') : module;
    const method = decisions.pick([
      ...module.methods.filter((name) => name !== 'slow' && name !== 'allocate'),
      'nowhere',
    ]);
    const inputs = Array.from({ length: decisions.byte() % 6 }, () => valueFrom(decisions, own, 0)) as TorchInput[];
    const keep = decisions.byte() < 64 ? [decisions.byte(), NaN, -1] : [];
    try {
      await allowErrorCodes(() => own.call(method, inputs, { keep }));
    } catch (error) {
      if (!(error instanceof TypeError || error === inputs || (error as Error).message === 'thrown by a getter'))
        throw error;
    } finally {
      if (own !== module) own.dispose();
    }
  },
};

function valueFrom(decisions: Decisions, module: TorchModule, depth: number): unknown {
  const inner = () => (decisions.left && depth < 6 ? valueFrom(decisions, module, depth + 1) : decisions.pick(NUMBERS));
  switch (decisions.byte() % 12) {
    case 0:
      return decisions.pick(NUMBERS);
    case 1:
      return BigInt(decisions.pick([0, 1, -1, 2 ** 62, 2 ** 64, -(2 ** 70)]));
    case 2:
      return decisions.pick(['', 'a', 'ü', '\0', '\ud800', 'x'.repeat(1000), '__proto__']);
    case 3:
      return decisions.pick([true, false, null, undefined, Symbol('x'), () => 1, new Date(0), /x/, new Error('x')]);
    case 4:
    case 5:
    case 6:
      return tensorFrom(decisions, module);
    case 7:
      return Array.from({ length: decisions.byte() % 5 }, inner);
    case 8: {
      const list: unknown[] = [inner()];
      Object.defineProperty(list, decisions.byte() % 3, { get: () => act(decisions, module, list) });
      return list;
    }
    case 9:
      return Object.fromEntries(
        Array.from({ length: decisions.byte() % 4 }, () => [decisions.pick(['a', 'logits', 'hidden', '']), inner()]),
      );
    case 10:
      return new Map(Array.from({ length: decisions.byte() % 4 }, () => [inner(), inner()]));
    default: {
      const self: Record<string, unknown> = { a: inner() };
      self.self = self;
      return decisions.byte() < 128
        ? self
        : new Proxy(self, { get: (object, key) => (act(decisions, module, []), object[key as string]) });
    }
  }
}

function tensorFrom(decisions: Decisions, module: TorchModule): unknown {
  const kind = decisions.pick(ARRAYS);
  const bytes = decisions.byte() % 5 === 0 ? 0 : 8 * (1 + (decisions.byte() % 8));
  const own = new ResizableBuffer(bytes, decisions.byte() < 128 ? { maxByteLength: 128 } : undefined);
  const data = new kind(decisions.byte() < 192 ? own : new SharedArrayBuffer(bytes));
  const length = data.length ?? 1;
  const shape = decisions.pick<() => unknown>([
    () => [length],
    () => [1, length],
    () => [],
    () => [-1],
    () => [2 ** 40, 2 ** 40],
    () => [decisions.pick(NUMBERS)],
    () => 'x',
    () => Array.from({ length: 70 }, () => 1),
  ])();
  const dtype = decisions.byte() < 128 ? 'float32' : decisions.pick(DTYPES);
  const tensor: Record<string, unknown> = { dtype, shape, data };
  if (decisions.byte() < 64) {
    const name = decisions.pick(['dtype', 'shape', 'data']);
    const value = tensor[name];
    Object.defineProperty(tensor, name, {
      enumerable: true,
      get: () => {
        act(decisions, module, Array.isArray(shape) ? shape : []);
        if (decisions.byte() < 64 && own.detached !== true) structuredClone(own, { transfer: [own] });
        else if (own.resizable === true && own.detached !== true) own.resize(decisions.byte() % 128);
        return value;
      },
    });
  }
  return tensor;
}

/** Performs the side effect of a getter. */
function act(decisions: Decisions, module: TorchModule, list: unknown[]): unknown {
  switch (decisions.byte() % 8) {
    case 0:
      if (decisions.byte() < 32) void module.quantize().catch(() => 0);
      break;
    case 1:
      void module.call('echo', [{ dtype: 'float32', shape: [1], data: Float32Array.of(1) }]).catch(() => 0);
      break;
    case 2:
      list.length = 0;
      break;
    case 3:
      list.push(list);
      break;
    case 4:
      throw new Error('thrown by a getter');
    default:
  }
  return 1;
}
