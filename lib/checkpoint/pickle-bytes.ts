/** Reads the bytes of a pickle from front to back, and the numbers that they contain. */

/** Thrown if a pickle is invalid. The message continues "the pickle is broken at byte N: ". */
export class PickleProblem extends Error {}

/** Maximum size of an integer. Those of checkpoints (steps, seeds) have at most 16 bytes. */
const MAX_INTEGER_BYTES = 1024;
/** Maximum length of a number or an index that is written as text. */
const MAX_NUMBER = 1000;

export class PickleBytes {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  /** Number of bytes that were read. */
  get position(): number {
    return this.#at;
  }

  /** Reads `size` bytes. */
  take(size: number): Buffer {
    if (size > this.#bytes.length - this.#at) throw new PickleProblem(`it ends where ${size} more bytes are expected`);
    this.#at += size;
    return this.#bytes.subarray(this.#at - size, this.#at);
  }

  byte(): number {
    if (this.#at >= this.#bytes.length) throw new PickleProblem('it ends where 1 more byte is expected');
    return this.#bytes[this.#at++]!;
  }

  /** Reads a length of `width` bytes, and as many bytes as it states. */
  counted(width: 1 | 4 | 8): Buffer {
    return this.take(this.length(width));
  }

  /** Reads the length of a frame. A frame cannot be longer than the bytes that follow. */
  frame(): void {
    const size = this.length(8);
    if (size > this.#bytes.length - this.#at)
      throw new PickleProblem(`it has a frame of ${size} bytes, which is longer than the pickle`);
  }

  /** Reads a length of `width` bytes. */
  length(width: 1 | 4 | 8): number {
    const bytes = this.take(width);
    return width === 8 ? Number(bytes.readBigUInt64LE()) : bytes.readUIntLE(0, width);
  }

  /** Reads the text up to the end of the line. */
  line(maxLength: number): string {
    const end = this.#bytes.indexOf(0x0a, this.#at);
    if (end < 0) throw new PickleProblem('it ends within a line');
    const size = end - this.#at;
    if (size > maxLength)
      throw new PickleProblem(`it has a line of ${size} characters, but at most ${maxLength} are expected`);
    return this.take(size + 1).toString('utf8', 0, size);
  }

  /** Reads an index that is written as text. */
  index(): number {
    const text = this.line(MAX_NUMBER);
    if (!/^\d{1,15}$/.test(text)) throw new PickleProblem('it has an index that is not a number');
    return Number(text);
  }

  /** Reads a number that is written as text. Protocol 0 writes booleans this way, too. */
  number(): number | boolean {
    const text = this.line(MAX_NUMBER);
    if (text === '00' || text === '01') return text === '01';
    const plain = text.replace(/L$/, '');
    if (/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(plain)) return Number(plain);
    if (/^[+-]?inf$/i.test(plain)) return plain.startsWith('-') ? -Infinity : Infinity;
    if (/^[+-]?nan$/i.test(plain)) return NaN;
    throw new PickleProblem('it has a number that is not valid');
  }

  /** Reads a little-endian two's complement integer: a number if it is exact, otherwise a bigint. */
  integer(width: 1 | 4): number | bigint {
    const size = this.length(width);
    if (size > MAX_INTEGER_BYTES) throw new PickleProblem(`it has an integer of ${size} bytes`);
    if (size === 0) return 0;
    const hex = Buffer.from(this.take(size)).reverse().toString('hex');
    const value = BigInt.asIntN(8 * size, BigInt(`0x${hex}`));
    return Number.isSafeInteger(Number(value)) ? Number(value) : value;
  }
}
