/** The values of a pickle that are neither numbers, text, lists nor dicts. None of them can run code. */

/** A class or a function that the pickle names. */
export class Global {
  readonly path: string;

  constructor(
    readonly module: string,
    readonly name: string,
  ) {
    this.path = `${module}.${name}`;
  }
}

/** An object of an unknown class, or the result of a call that was not made. Keeps the arguments that the pickle stated. */
export class Placeholder {
  constructor(
    readonly type: unknown,
    readonly args: unknown,
    public state: unknown = undefined,
  ) {}
}

/** The data of a tensor in the file, as torch.save describes it. */
export class Storage {
  constructor(
    /** Name of the class that states the type of the elements, such as "FloatStorage". */
    readonly type: string,
    /** The member of the archive is data/KEY. */
    readonly key: string,
    /** Number of elements. */
    readonly size: number,
  ) {}
}

/** A tensor whose data has not been read. */
export class LazyTensor {
  constructor(
    readonly storage: Storage,
    /** Index of its first element in the storage. */
    readonly offset: number,
    readonly shape: readonly number[],
    readonly stride: readonly number[],
  ) {}

  /** Number of elements. Beyond 2^53 it is not exact, but still larger than any file. */
  get elements(): number {
    return this.shape.includes(0) ? 0 : this.shape.reduce((product, size) => product * size, 1);
  }
}
