/**
 * Reads a Python pickle without being Python: numbers, strings, containers and what torch.save writes for tensors become
 * values, every other class an inert placeholder. Nothing is ever called, whatever the pickle asks for; one that asks for
 * something that runs code is refused all the same, so that nobody hands it to Python next.
 *
 * Opcodes: pickletools.py of CPython, protocols 0 to 5 as far as a pickler writes them.
 */
import { EmotionError } from '../errors.js';

/** A class or function that the pickle names. */
export class Global {
  constructor(
    readonly module: string,
    readonly name: string,
  ) {}

  toString(): string {
    return `${this.module}.${this.name}`;
  }
}

/** An object of a class that is not known here, or what a call would have returned. Holds what the pickle gave it. */
export class Placeholder {
  constructor(
    readonly type: unknown,
    readonly args: unknown,
    public state: unknown = undefined,
  ) {}
}

/** A storage on disk, as torch.save names it. */
export interface Storage {
  /** The class that names its type: "FloatStorage" and so on. */
  type: string;
  /** The entry of the archive: data/KEY. */
  key: string;
  /** Elements. */
  size: number;
}

/** A tensor that was not read yet. */
export class LazyTensor {
  constructor(
    readonly storage: Storage,
    /** Elements from the storage's start. */
    readonly offset: number,
    readonly shape: readonly number[],
    readonly stride: readonly number[],
  ) {}
}

/** Packages that run code when a pickle names them. What is left of `builtins` are types. */
const HOSTILE = new Set([
  ...[
    'os',
    'posix',
    'nt',
    'subprocess',
    'sys',
    'pty',
    'shutil',
    'commands',
    'multiprocessing',
    'asyncio',
    'concurrent',
  ],
  ...['socket', 'urllib', 'requests', 'http', 'ftplib', 'smtplib', 'telnetlib', 'xmlrpc', 'webbrowser', 'ctypes'],
  ...[
    'runpy',
    'importlib',
    'imp',
    'pkgutil',
    'zipimport',
    'code',
    'codeop',
    'pdb',
    'bdb',
    'timeit',
    'trace',
    'platform',
  ],
  ...[
    'pickle',
    '_pickle',
    'cloudpickle',
    'dill',
    'joblib',
    'marshal',
    'operator',
    '_operator',
    'inspect',
    'pip',
    'venv',
  ],
]);
const TYPES = new Set(
  'set frozenset list dict tuple object int float complex str bytes bytearray bool slice range long unicode'.split(' '),
);
const HOSTILE_NAMES =
  /^(torch\.(load|hub\..*|jit\..*|_C\..*)|numpy\.(load|.*runstring)|types\.(Function|Code|Method|Lambda)Type)$/;

const MARK = Symbol('mark');

/** @throws EmotionError ERR_CHECKPOINT, saying where the pickle is broken or what it asked for */
export function readPickle(bytes: Buffer, what: string): unknown {
  return new Unpickler(bytes, what).run();
}

class Unpickler {
  readonly #bytes: Buffer;
  readonly #what: string;
  #at = 0;
  #stack: unknown[] = [];
  readonly #memo = new Map<number, unknown>();

  constructor(bytes: Buffer, what: string) {
    this.#bytes = bytes;
    this.#what = what;
  }

  run(): unknown {
    for (;;) {
      const opcode = this.#take(1)[0]!;
      if (opcode === 0x2e) return this.#pop(); // STOP
      this.#step(opcode);
    }
  }

  #step(opcode: number): void {
    const push = (value: unknown): void => void this.#stack.push(value);
    switch (String.fromCharCode(opcode)) {
      case '\x80': // PROTO
        this.#take(1);
        return;
      case '\x95': // FRAME
        this.#take(8);
        return;
      case 'N':
        return push(null);
      case '\x88':
        return push(true);
      case '\x89':
        return push(false);
      case 'J':
        return push(this.#take(4).readInt32LE());
      case 'K':
        return push(this.#take(1)[0]);
      case 'M':
        return push(this.#take(2).readUInt16LE());
      case 'G':
        return push(this.#take(8).readDoubleBE());
      case 'I':
      case 'L':
      case 'F':
        return push(number(this.#line()));
      case '\x8a': // LONG1
        return push(long(this.#take(this.#take(1)[0]!)));
      case '\x8b': // LONG4
        return push(long(this.#take(this.#length(4))));
      case 'X': // BINUNICODE
        return push(this.#take(this.#length(4)).toString('utf8'));
      case '\x8c': // SHORT_BINUNICODE
        return push(this.#take(this.#length(1)).toString('utf8'));
      case '\x8d': // BINUNICODE8
        return push(this.#take(this.#length(8)).toString('utf8'));
      case 'V': // UNICODE
      case 'S': // STRING
        return push(this.#line());
      case 'T': // BINSTRING
        return push(this.#take(this.#length(4)).toString('latin1'));
      case 'U': // SHORT_BINSTRING
        return push(this.#take(this.#length(1)).toString('latin1'));
      case 'B': // BINBYTES
        return push(this.#take(this.#length(4)));
      case 'C': // SHORT_BINBYTES
        return push(this.#take(this.#length(1)));
      case '\x8e': // BINBYTES8
      case '\x96': // BYTEARRAY8
        return push(this.#take(this.#length(8)));
      case '(':
        return push(MARK);
      case '0':
        return void this.#pop();
      case '1':
        return void this.#toMark();
      case '2':
        return push(this.#top());
      case ')':
      case ']':
      case '\x8f': // EMPTY_SET
        return push([]);
      case '}':
        return push(new Map());
      case 't':
      case 'l':
      case '\x91': // FROZENSET
        return push(this.#toMark());
      case 'd':
        return push(pairs(new Map(), this.#toMark()));
      case '\x85':
        return push([this.#pop()]);
      case '\x86':
        return push(this.#popMany(2));
      case '\x87':
        return push(this.#popMany(3));
      case 'a':
        return this.#append([this.#pop()]);
      case 'e':
      case '\x90': // ADDITEMS
        return this.#append(this.#toMark());
      case 's':
        return this.#setItems(this.#popMany(2));
      case 'u':
        return this.#setItems(this.#toMark());
      case 'p':
        return void this.#memo.set(Number(this.#line()), this.#top());
      case 'q':
        return void this.#memo.set(this.#take(1)[0]!, this.#top());
      case 'r':
        return void this.#memo.set(this.#take(4).readUInt32LE(), this.#top());
      case '\x94': // MEMOIZE
        return void this.#memo.set(this.#memo.size, this.#top());
      case 'g':
        return push(this.#recall(Number(this.#line())));
      case 'h':
        return push(this.#recall(this.#take(1)[0]!));
      case 'j':
        return push(this.#recall(this.#take(4).readUInt32LE()));
      case 'c':
        return push(this.#global(this.#line(), this.#line()));
      case '\x93': {
        const [module, name] = this.#popMany(2);
        return push(this.#global(String(module), String(name)));
      }
      case 'i': {
        const type = this.#global(this.#line(), this.#line());
        return push(this.#make(type, this.#toMark()));
      }
      case 'o': {
        const [type, ...args] = this.#toMark();
        return push(this.#make(type, args));
      }
      case 'R':
      case '\x81': {
        const [type, args] = this.#popMany(2);
        return push(this.#make(type, args));
      }
      case '\x92': {
        const [type, args] = this.#popMany(3);
        return push(this.#make(type, args));
      }
      case 'b': {
        const state = this.#pop();
        const object = this.#top();
        if (object instanceof Placeholder) object.state = state;
        return;
      }
      case 'Q':
        return push(this.#storage(this.#pop()));
      default:
        throw this.#broken(`it holds opcode 0x${opcode.toString(16)}, which is no pickle's`);
    }
  }

  /** What a call or a new object is: something we know, or a placeholder. */
  #make(type: unknown, args: unknown): unknown {
    const list = Array.isArray(args) ? (args as unknown[]) : [];
    switch (String(type)) {
      case 'torch._utils._rebuild_tensor_v2':
      case 'torch._utils._rebuild_tensor':
        return this.#tensor(list);
      case 'torch._utils._rebuild_parameter':
      case 'torch._utils._rebuild_parameter_with_state':
        return list[0];
      case 'collections.OrderedDict':
        return Array.isArray(list[0]) ? pairs(new Map(), (list[0] as unknown[][]).flat()) : new Map();
      default:
        return new Placeholder(type, args);
    }
  }

  #tensor([storage, offset, shape, stride]: unknown[]): LazyTensor {
    const sizes = (value: unknown): value is number[] =>
      Array.isArray(value) && value.length <= 16 && value.every((size) => Number.isSafeInteger(size) && size >= 0);
    if (!isStorage(storage) || !sizes([offset]) || !sizes(shape) || !sizes(stride) || shape.length !== stride.length) {
      throw this.#broken('it describes a tensor that cannot be');
    }
    return new LazyTensor(storage, offset as number, shape, stride);
  }

  #storage(id: unknown): Storage {
    const [kind, type, key, , size] = Array.isArray(id) ? (id as unknown[]) : [];
    if (kind !== 'storage' || !(type instanceof Global) || typeof key !== 'string' || !Number.isSafeInteger(size)) {
      throw this.#broken('it refers to something outside itself that is not a tensor');
    }
    return { type: type.name, key, size: size as number };
  }

  #global(module: string, name: string): Global {
    const package_ = module.split('.')[0]!;
    const isBuiltin = ['builtins', '__builtin__', '__builtins__'].includes(package_);
    const hostile =
      HOSTILE.has(package_) ||
      HOSTILE_NAMES.test(`${module}.${name}`) ||
      (isBuiltin && !TYPES.has(name)) ||
      name.includes('__');
    if (hostile) {
      throw new EmotionError(
        'ERR_CHECKPOINT',
        `${this.#what} asks for ${module}.${name}, which could run code: refused`,
        {
          remedy: 'No checkpoint of emotion2vec+ does so. Do not open this file in Python.',
        },
      );
    }
    return new Global(module, name);
  }

  #append(values: unknown[]): void {
    const list = this.#top();
    if (Array.isArray(list)) {
      for (const value of values) (list as unknown[]).push(value);
    } else if (!(list instanceof Placeholder)) {
      throw this.#broken('it appends to what is no list');
    }
  }

  #setItems(items: unknown[]): void {
    const dict = this.#top();
    if (dict instanceof Map) pairs(dict, items);
    else if (!(dict instanceof Placeholder)) throw this.#broken('it sets items of what is no dict');
  }

  #take(size: number): Buffer {
    if (size > this.#bytes.length - this.#at) throw this.#broken(`it ends where ${size} more bytes should follow`);
    this.#at += size;
    return this.#bytes.subarray(this.#at - size, this.#at);
  }

  #length(width: 1 | 4 | 8): number {
    const bytes = this.#take(width);
    return width === 8 ? Number(bytes.readBigUInt64LE()) : bytes.readUIntLE(0, width);
  }

  #line(): string {
    const end = this.#bytes.indexOf(0x0a, this.#at);
    if (end < 0) throw this.#broken('it ends within a line');
    return this.#take(end + 1 - this.#at)
      .subarray(0, -1)
      .toString('utf8');
  }

  #top(): unknown {
    if (this.#stack.length === 0) throw this.#broken('it takes from an empty stack');
    return this.#stack.at(-1);
  }

  #pop(): unknown {
    const value = this.#top();
    this.#stack.pop();
    return value;
  }

  #popMany(count: number): unknown[] {
    if (this.#stack.length < count) throw this.#broken('it takes from an empty stack');
    return this.#stack.splice(-count);
  }

  #toMark(): unknown[] {
    const mark = this.#stack.lastIndexOf(MARK);
    if (mark < 0) throw this.#broken('a mark is missing');
    return this.#stack.splice(mark).slice(1);
  }

  #recall(index: number): unknown {
    if (!this.#memo.has(index)) throw this.#broken(`it recalls ${index}, which it never stored`);
    return this.#memo.get(index);
  }

  #broken(why: string): EmotionError {
    return new EmotionError('ERR_CHECKPOINT', `${this.#what} is broken at byte ${this.#at}: ${why}`);
  }
}

function pairs(map: Map<unknown, unknown>, items: unknown[]): Map<unknown, unknown> {
  for (let i = 0; i + 1 < items.length; i += 2) map.set(items[i], items[i + 1]);
  return map;
}

function number(text: string): unknown {
  if (text === '00' || text === '01') return text === '01'; // protocol 0 writes booleans so
  return Number(text.replace(/L$/, ''));
}

/** A little-endian two's complement integer: a number where it is one exactly, else a bigint. */
function long(bytes: Buffer): number | bigint {
  if (bytes.length === 0) return 0;
  const value = BigInt.asIntN(8 * bytes.length, BigInt(`0x${Buffer.from(bytes).reverse().toString('hex')}`));
  return Number.isSafeInteger(Number(value)) ? Number(value) : value;
}

function isStorage(value: unknown): value is Storage {
  return typeof value === 'object' && value !== null && 'key' in value && 'size' in value;
}
