/** What the values of a pickle become that are neither numbers, text, lists nor dicts. All of them are inert. */

/** A class or function that the pickle names. */
export class Global {
  readonly path: string;

  constructor(
    readonly module: string,
    readonly name: string,
  ) {
    this.path = `${module}.${name}`;
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
export class Storage {
  constructor(
    /** The class that names its type: "FloatStorage" and so on. */
    readonly type: string,
    /** The entry of the archive: data/KEY. */
    readonly key: string,
    /** Elements. */
    readonly size: number,
  ) {}
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

  /** Beyond 2^53 it is not exact, but larger than any file all the same. */
  get elements(): number {
    return this.shape.includes(0) ? 0 : this.shape.reduce((product, size) => product * size, 1);
  }
}
