/**
 * Reads a Python pickle without Python. Numbers, strings, containers and the tensors of torch.save become values; objects of
 * every other class become placeholders. Nothing that the pickle refers to is ever called. A pickle that refers to something that
 * can run code is refused as well, so that the user does not open it in Python next.
 *
 * A pickle is a program that may come from an untrusted source. The number of its operations and values is therefore limited.
 * Nothing here traverses the values that it has built, because they may share parts a million times or contain themselves.
 *
 * Opcodes: pickletools.py of CPython, protocols 0 to 5, those that a pickler writes.
 */
import { EmotionError } from '../shared/errors.js';
import { MAX_KEPT, MAX_NAME, PickleBudget } from './pickle-budget.js';
import { PickleBytes, PickleProblem } from './pickle-bytes.js';
import { PickleObjects } from './pickle-objects.js';
import { Placeholder } from './pickle-values.js';

const MARK = Symbol('mark');

/**
 * Reads a pickle.
 * @param what the beginning of error messages: "The pickle in FILE"
 * @throws EmotionError ERR_CHECKPOINT that states where the pickle is broken, or what it refers to
 */
export function readPickle(bytes: Buffer, what: string): unknown {
  return new Unpickler(bytes, what).run();
}

class Unpickler {
  readonly #in: PickleBytes;
  readonly #what: string;
  #stack: unknown[] = [];
  /** An array, because chosen numeric keys would slow down a Map. */
  readonly #memo: unknown[] = [];
  #memoized = 0;
  readonly #budget = new PickleBudget();
  readonly #objects: PickleObjects;

  constructor(bytes: Buffer, what: string) {
    this.#in = new PickleBytes(bytes);
    this.#what = what;
    this.#objects = new PickleObjects(this.#budget, what);
  }

  run(): unknown {
    try {
      for (;;) {
        const opcode = this.#in.byte();
        if (opcode === 0x2e) return this.#pop(); // STOP
        this.#budget.count(1);
        this.#step(opcode);
      }
    } catch (error) {
      if (!(error instanceof PickleProblem)) throw error;
      const where = `${this.#what} is broken at byte ${this.#in.position}`;
      throw new EmotionError('ERR_CHECKPOINT', `${where}: ${error.message}`, { cause: error });
    }
  }

  #step(opcode: number): void {
    const push = (value: unknown): void => void this.#stack.push(value);
    const input = this.#in;
    switch (String.fromCharCode(opcode)) {
      case '\x80': // PROTO
        if (input.byte() > 5) throw new PickleProblem('it uses a protocol newer than 5');
        return;
      case '\x95': // FRAME
        return input.frame();
      case 'N':
        return push(null);
      case '\x88':
        return push(true);
      case '\x89':
        return push(false);
      case 'J':
        return push(input.take(4).readInt32LE());
      case 'K':
        return push(input.byte());
      case 'M':
        return push(input.take(2).readUInt16LE());
      case 'G':
        return push(input.take(8).readDoubleBE());
      case 'I':
      case 'L':
      case 'F':
        return push(input.number());
      case '\x8a': // LONG1
        return push(input.integer(1));
      case '\x8b': // LONG4
        return push(input.integer(4));
      case 'X': // BINUNICODE
        return this.#keep(input.counted(4).toString('utf8'));
      case '\x8c': // SHORT_BINUNICODE
        return this.#keep(input.counted(1).toString('utf8'));
      case '\x8d': // BINUNICODE8
        return this.#keep(input.counted(8).toString('utf8'));
      case 'V': // UNICODE
      case 'S': // STRING
        return this.#keep(input.line(Infinity));
      case 'T': // BINSTRING
        return this.#keep(input.counted(4).toString('latin1'));
      case 'U': // SHORT_BINSTRING
        return this.#keep(input.counted(1).toString('latin1'));
      case 'B': // BINBYTES
        return this.#bytes(input.counted(4));
      case 'C': // SHORT_BINBYTES
        return this.#bytes(input.counted(1));
      case '\x8e': // BINBYTES8
      case '\x96': // BYTEARRAY8
        return this.#bytes(input.counted(8));
      case '(':
        return push(MARK);
      case '0': // POP; in protocol 0 also of a mark
        return void (this.#stack.at(-1) === MARK ? this.#stack.pop() : this.#pop());
      case '1':
        return void this.#toMark();
      case '2':
        return push(this.#top());
      case ')':
      case ']':
      case '\x8f': // EMPTY_SET
        return this.#keep([]);
      case '}':
        return this.#keep(new Map());
      case 't':
      case 'l':
      case '\x91': // FROZENSET
        return this.#keep(this.#toMark());
      case 'd':
        return this.#keep(this.#pairs(new Map<string, unknown>(), this.#toMark()));
      case '\x85':
        return this.#keep([this.#pop()]);
      case '\x86':
        return this.#keep(this.#popMany(2));
      case '\x87':
        return this.#keep(this.#popMany(3));
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
        return this.#memoize(input.index());
      case 'q':
        return this.#memoize(input.byte());
      case 'r':
        return this.#memoize(input.length(4));
      case '\x94': // MEMOIZE
        return this.#memoize(this.#memoized);
      case 'g':
        return push(this.#recall(input.index()));
      case 'h':
        return push(this.#recall(input.byte()));
      case 'j':
        return push(this.#recall(input.length(4)));
      case 'c':
        return this.#keep(this.#objects.global(input.line(MAX_NAME), input.line(MAX_NAME)));
      case '\x93': {
        const [module, name] = this.#popMany(2);
        return this.#keep(this.#objects.global(module, name));
      }
      case 'i': {
        const type = this.#objects.global(input.line(MAX_NAME), input.line(MAX_NAME));
        return this.#keep(this.#objects.make(type, this.#toMark()));
      }
      case 'o': {
        const [type, ...args] = this.#toMark();
        return this.#keep(this.#objects.make(type, args));
      }
      case 'R':
      case '\x81': {
        const [type, args] = this.#popMany(2);
        return this.#keep(this.#objects.make(type, args));
      }
      case '\x92': {
        const [type, args] = this.#popMany(3);
        return this.#keep(this.#objects.make(type, args));
      }
      case 'b': {
        const state = this.#pop();
        const object = this.#top();
        if (object instanceof Placeholder) object.state = state;
        return;
      }
      case 'Q':
        return this.#keep(this.#objects.storage(this.#pop()));
      default:
        throw new PickleProblem(`it contains the opcode 0x${opcode.toString(16)}, which torch.save does not write`);
    }
  }

  #keep(value: unknown): void {
    this.#budget.keep();
    this.#stack.push(value);
  }

  /** Only the length of bytes is kept, because nothing needs them. */
  #bytes({ length }: Buffer): void {
    this.#keep(new Placeholder('bytes', length));
  }

  #append(values: unknown[]): void {
    const list = this.#top();
    if (Array.isArray(list)) {
      for (const value of values) (list as unknown[]).push(value);
    } else if (!(list instanceof Placeholder)) {
      throw new PickleProblem('it appends to a value that is not a list');
    }
  }

  #setItems(items: unknown[]): void {
    const dict = this.#top();
    if (dict instanceof Map) this.#pairs(dict as Map<string, unknown>, items);
    else if (!(dict instanceof Placeholder)) throw new PickleProblem('it sets items of a value that is not a dict');
  }

  #pairs(map: Map<string, unknown>, items: unknown[]): Map<string, unknown> {
    if (items.length % 2 !== 0) throw new PickleProblem('it has a dict key without a value');
    for (let i = 0; i < items.length; i += 2) this.#objects.setItem(map, items[i], items[i + 1]);
    return map;
  }

  #top(): unknown {
    const top = this.#stack.at(-1);
    if (top === undefined || top === MARK) throw new PickleProblem('it takes a value from an empty stack');
    return top;
  }

  #pop(): unknown {
    const value = this.#top();
    this.#stack.pop();
    return value;
  }

  #popMany(count: number): unknown[] {
    const from = this.#stack.length - count;
    if (from < 0 || this.#stack.indexOf(MARK, from) >= 0)
      throw new PickleProblem('it takes a value from an empty stack');
    return this.#stack.splice(from);
  }

  #toMark(): unknown[] {
    const mark = this.#stack.lastIndexOf(MARK);
    if (mark < 0) throw new PickleProblem('a mark is missing');
    const values = this.#stack.slice(mark + 1);
    this.#stack.length = mark;
    return values;
  }

  /** Stores the top of the stack. Picklers number the stored values from zero. */
  #memoize(index: number): void {
    if (index > MAX_KEPT) throw new PickleProblem(`it stores a value as number ${index}`);
    this.#budget.keep();
    if (this.#memo[index] === undefined) this.#memoized++;
    this.#memo[index] = this.#top();
  }

  #recall(index: number): unknown {
    const value = index > MAX_KEPT ? undefined : this.#memo[index];
    if (value === undefined) throw new PickleProblem(`it recalls the value ${index}, which it never stored`);
    return value;
  }
}
