import { EmotionError } from '../shared/errors.js';
import { brief } from '../archive/brief.js';
import { MOST_NAME, type PickleBudget } from './pickle-budget.js';
import { PickleProblem } from './pickle-bytes.js';
import { runsCode } from './pickle-names.js';
import { Global, LazyTensor, Placeholder, Storage } from './pickle-values.js';

/** Of a tensor: PyTorch's own limit for most operators. */
const MOST_DIMENSIONS = 64;

/** What the objects become that a pickle asks for. */
export class PickleObjects {
  readonly #budget: PickleBudget;
  readonly #what: string;
  readonly #storages = new Map<string, Storage>();

  constructor(budget: PickleBudget, what: string) {
    this.#budget = budget;
    this.#what = what;
  }

  /** What a call or a new object is: something we know, or a placeholder. */
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

  /** The items may be a list that is used again and again: going through it counts each time. */
  #ordered(items: readonly unknown[]): Map<string, unknown> {
    this.#budget.count(items.length);
    const map = new Map<string, unknown>();
    for (const item of items) {
      if (!Array.isArray(item) || item.length !== 2)
        throw new PickleProblem('it has an item of a dict that is no pair');
      this.setItem(map, item[0], item[1]);
    }
    return map;
  }

  #tensor([storage, offset, shape, stride]: unknown[]): LazyTensor {
    const sizes = (value: unknown): value is number[] =>
      Array.isArray(value) &&
      value.length <= MOST_DIMENSIONS &&
      value.every((size) => Number.isSafeInteger(size) && size >= 0);
    const fits = sizes([offset]) && sizes(shape) && sizes(stride) && shape.length === stride.length;
    if (!(storage instanceof Storage) || !fits) throw new PickleProblem('it describes a tensor that cannot be');
    this.#budget.count(2 * shape.length);
    return new LazyTensor(storage, offset as number, [...shape], [...stride]); // the pickle may go on to change its lists
  }

  storage(id: unknown): Storage {
    const [kind, type, key, , size] = Array.isArray(id) ? (id as unknown[]) : [];
    const whole = Number.isSafeInteger(size) && (size as number) >= 0;
    if (
      kind !== 'storage' ||
      !(type instanceof Global) ||
      typeof key !== 'string' ||
      key.length > MOST_NAME ||
      !whole
    ) {
      throw new PickleProblem('it refers to something outside itself that is not a tensor');
    }
    this.#budget.count(key.length >> 3);
    const known = this.#storages.get(`data/${key}`);
    if (known === undefined) {
      const storage = new Storage(type.name, key, size as number);
      this.#storages.set(`data/${key}`, storage);
      return storage;
    }
    if (known.type !== type.name || known.size !== size) {
      throw new PickleProblem(`it takes the data ${brief(key)} for two different things`);
    }
    return known;
  }

  global(module: unknown, name: unknown): Global {
    if (typeof module !== 'string' || typeof name !== 'string') throw new PickleProblem('it names a class by no text');
    if (module.length > MOST_NAME || name.length > MOST_NAME)
      throw new PickleProblem('it names a class by a long text');
    this.#budget.count((module.length + name.length) >> 3); // for a text may be used again and again
    if (runsCode(module, name)) {
      const asked = brief(`${module}.${name}`);
      throw new EmotionError('ERR_CHECKPOINT', `${this.#what} asks for ${asked}, which could run code: refused`, {
        remedy: 'No checkpoint of emotion2vec+ does so. Do not open this file in Python.',
      });
    }
    return new Global(module, name);
  }

  /**
   * Weights have names; other keys, as optimizers have, are left out. What numbers, bigints and digits hash to is known to
   * everybody, so that a Map of a million of them can be made to take hours.
   */
  setItem(map: Map<string, unknown>, key: unknown, value: unknown): void {
    if (typeof key !== 'string' || (key.length < 20 && /^\d+$/.test(key))) return;
    this.#budget.keep();
    map.set(key, value);
  }
}
