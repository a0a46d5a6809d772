/** The bytes of a pickle, read from front to back, and the numbers that are written in them. */

/** Thrown for whatever is wrong in a pickle; `message` continues "the pickle is broken at byte N: ". */
export class PickleProblem extends Error {}

/** Bytes of an integer: checkpoints have steps and seeds, of 16 bytes at most. */
const MOST_INTEGER_BYTES = 1024;
/** Characters of a number or an index that is written as text. */
const MOST_NUMBER = 1000;

export class PickleBytes {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  /** Bytes that were read. */
  get position(): number {
    return this.#at;
  }

  take(size: number): Buffer {
    if (size > this.#bytes.length - this.#at) throw new PickleProblem(`it ends where ${size} more bytes should follow`);
    this.#at += size;
    return this.#bytes.subarray(this.#at - size, this.#at);
  }

  byte(): number {
    if (this.#at >= this.#bytes.length) throw new PickleProblem('it ends where 1 more byte should follow');
    return this.#bytes[this.#at++]!;
  }

  /** As many bytes as a number of `width` bytes says. */
  counted(width: 1 | 4 | 8): Buffer {
    return this.take(this.length(width));
  }

  /** A frame holds what follows it, and so is no longer. */
  frame(): void {
    const size = this.length(8);
    if (size > this.#bytes.length - this.#at) throw new PickleProblem(`it has a frame of ${size} bytes`);
  }

  length(width: 1 | 4 | 8): number {
    const bytes = this.take(width);
    return width === 8 ? Number(bytes.readBigUInt64LE()) : bytes.readUIntLE(0, width);
  }

  /** The text up to the end of its line. */
  line(most: number): string {
    const end = this.#bytes.indexOf(0x0a, this.#at);
    if (end < 0) throw new PickleProblem('it ends within a line');
    const size = end - this.#at;
    if (size > most) throw new PickleProblem(`it has a line of ${size} characters where a short one belongs`);
    return this.take(size + 1).toString('utf8', 0, size);
  }

  index(): number {
    const text = this.line(MOST_NUMBER);
    if (!/^\d{1,15}$/.test(text)) throw new PickleProblem('it has an index that is no number');
    return Number(text);
  }

  /** A number as text; protocol 0 writes booleans so too. */
  number(): number | boolean {
    const text = this.line(MOST_NUMBER);
    if (text === '00' || text === '01') return text === '01';
    const plain = text.replace(/L$/, '');
    if (/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(plain)) return Number(plain);
    if (/^[+-]?inf$/i.test(plain)) return plain.startsWith('-') ? -Infinity : Infinity;
    if (/^[+-]?nan$/i.test(plain)) return NaN;
    throw new PickleProblem('it has a number that is none');
  }

  /** A little-endian two's complement integer: a number where it is one exactly, else a bigint. */
  integer(width: 1 | 4): number | bigint {
    const size = this.length(width);
    if (size > MOST_INTEGER_BYTES) throw new PickleProblem(`it has an integer of ${size} bytes`);
    if (size === 0) return 0;
    const hex = Buffer.from(this.take(size)).reverse().toString('hex');
    const value = BigInt.asIntN(8 * size, BigInt(`0x${hex}`));
    return Number.isSafeInteger(Number(value)) ? Number(value) : value;
  }
}
