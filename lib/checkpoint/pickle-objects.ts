import { EmotionError } from '../shared/errors.js';
import { shown } from '../shared/text.js';
import { MAX_NAME, type PickleBudget } from './pickle-budget.js';
import { PickleProblem } from './pickle-bytes.js';
import { runsCode } from './pickle-names.js';
import { Global, LazyTensor, Placeholder, Storage } from './pickle-values.js';

/** Maximum number of dimensions of a tensor: PyTorch's own limit for most operators. */
const MAX_DIMENSIONS = 64;

/** Creates the objects that a pickle describes: tensors and dicts. Everything else becomes a placeholder. */
export class PickleObjects {
  readonly #budget: PickleBudget;
  readonly #what: string;
  readonly #storages = new Map<string, Storage>();

  constructor(budget: PickleBudget, what: string) {
    this.#budget = budget;
    this.#what = what;
  }

  /** Returns the result of a call or of a construction: a known object, or a placeholder. */
  make(type: unknown, args: unknown): unknown {
    const list = Array.isArray(args) ? (args as unknown[]) : [];
    switch (type instanceof Global ? type.path : '') {
      case 'torch._utils._rebuild_tensor_v2':
      case 'torch._utils._rebuild_tensor':
        return this.#tensor(list);
      case 'torch._utils._rebuild_parameter':
      case 'torch._utils._rebuild_parameter_with_state':
        return list[0] ?? null;
      case 'collections.OrderedDict':
        return Array.isArray(list[0]) ? this.#ordered(list[0]) : new Map();
      default:
        return new Placeholder(type, args);
    }
  }

  /** The items may be a list that the pickle uses many times, so that each pass through it counts. */
  #ordered(items: readonly unknown[]): Map<string, unknown> {
    this.#budget.count(items.length);
    const map = new Map<string, unknown>();
    for (const item of items) {
      if (!Array.isArray(item) || item.length !== 2) throw new PickleProblem('it has a dict item that is not a pair');
      this.setItem(map, item[0], item[1]);
    }
    return map;
  }

  #tensor([storage, offset, shape, stride]: unknown[]): LazyTensor {
    const sizes = (value: unknown): value is number[] =>
      Array.isArray(value) &&
      value.length <= MAX_DIMENSIONS &&
      value.every((size) => Number.isSafeInteger(size) && size >= 0);
    const fits = sizes([offset]) && sizes(shape) && sizes(stride) && shape.length === stride.length;
    if (!(storage instanceof Storage) || !fits) throw new PickleProblem('it describes a tensor that is not valid');
    this.#budget.count(2 * shape.length);
    return new LazyTensor(storage, offset as number, [...shape], [...stride]); // copies, because the pickle may change its lists later
  }

  storage(id: unknown): Storage {
    const [kind, type, key, , size] = Array.isArray(id) ? (id as unknown[]) : [];
    const whole = Number.isSafeInteger(size) && (size as number) >= 0;
    if (kind !== 'storage' || !(type instanceof Global) || typeof key !== 'string' || key.length > MAX_NAME || !whole) {
      throw new PickleProblem('it refers to external data that is not of a tensor');
    }
    this.#budget.count(key.length >> 3);
    const known = this.#storages.get(`data/${key}`);
    if (known === undefined) {
      const storage = new Storage(type.name, key, size as number);
      this.#storages.set(`data/${key}`, storage);
      return storage;
    }
    if (known.type !== type.name || known.size !== size) {
      throw new PickleProblem(`it uses the data ${shown(key)} with two different types or sizes`);
    }
    return known;
  }

  global(module: unknown, name: unknown): Global {
    if (typeof module !== 'string' || typeof name !== 'string')
      throw new PickleProblem('it names a class by a value that is not text');
    if (module.length > MAX_NAME || name.length > MAX_NAME)
      throw new PickleProblem('it names a class by a text that is too long');
    this.#budget.count((module.length + name.length) >> 3); // the pickle may use one text many times
    if (runsCode(module, name)) {
      const asked = shown(`${module}.${name}`);
      throw new EmotionError('ERR_CHECKPOINT', `${this.#what} refers to ${asked}, which can run code`, {
        remedy: 'No checkpoint of emotion2vec+ does this. Do not open the file in Python.',
      });
    }
    return new Global(module, name);
  }

  /**
   * Adds an item to a dict. Only keys of text are kept, because weights have names; keys of optimizers are numbers. V8's hashes
   * of numbers, bigints and digits are predictable, so that a Map with a million chosen ones could take hours.
   */
  setItem(map: Map<string, unknown>, key: unknown, value: unknown): void {
    if (typeof key !== 'string' || (key.length < 20 && /^\d+$/.test(key))) return;
    this.#budget.keep();
    map.set(key, value);
  }
}
