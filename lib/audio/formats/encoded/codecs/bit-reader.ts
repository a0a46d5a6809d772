/** Reads bits, most significant bit first. Beyond the end it reads zeros, and `overrun` is true. */
export class BitReader {
  /** Position in bits from the most significant bit of the first byte. */
  position: number;
  readonly bytes: Uint8Array;

  constructor(bytes: Uint8Array, position = 0) {
    this.bytes = bytes;
    this.position = position;
  }

  /** Number of bits that remain. */
  get left(): number {
    return this.bytes.length * 8 - this.position;
  }

  get overrun(): boolean {
    return this.position > this.bytes.length * 8;
  }

  /** Returns up to 24 bits without advancing. */
  peek(count: number): number {
    if (count === 0) return 0;
    const bytes = this.bytes;
    const position = this.position;
    const at = position >> 3;
    const word =
      at + 3 < bytes.length
        ? (bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!
        : ((bytes[at] ?? 0) << 24) | ((bytes[at + 1] ?? 0) << 16) | ((bytes[at + 2] ?? 0) << 8);
    return (word << (position & 7)) >>> (32 - count);
  }

  /** Reads an unsigned number of up to 32 bits. */
  read(count: number): number {
    if (count > 24) return this.read(count - 16) * 65536 + this.read(16);
    const value = this.peek(count);
    this.position += count;
    return value;
  }

  /** Reads a number of up to 33 bits in two's complement. */
  signed(count: number): number {
    if (count === 0) return 0;
    const value = this.read(count);
    return value >= 2 ** (count - 1) ? value - 2 ** count : value;
  }

  /** Reads one bit. */
  flag(): boolean {
    const at = this.position++;
    return ((this.bytes[at >> 3]! >> (7 - (at & 7))) & 1) === 1;
  }

  /**
   * Reads a unary code: returns the number of zeros before the next one bit, which is consumed too.
   * @throws Error if there is no one bit
   */
  zeros(): number {
    const bytes = this.bytes;
    let at = this.position >> 3;
    let byte = (bytes[at]! << (this.position & 7)) & 0xff;
    let count = -(this.position & 7);
    while (byte === 0) {
      if (++at >= bytes.length) throw new Error('a unary code is not terminated');
      byte = bytes[at]!;
      count += 8;
    }
    // Bits of the first byte that were read before have been shifted out.
    const inByte = Math.clz32(byte) - 24;
    if (count < 0) {
      this.position += inByte + 1;
      return inByte;
    }
    const total = count + inByte;
    this.position += total + 1;
    return total;
  }

  /** Advances to the next byte boundary. */
  align(): void {
    this.position = (this.position + 7) & ~7;
  }
}
