/** Reads bits, the highest of each byte first. Past the end there are zeros, and `overrun` says so. */
export class BitReader {
  /** In bits, from the first byte's highest. */
  position: number;
  readonly bytes: Uint8Array;

  constructor(bytes: Uint8Array, position = 0) {
    this.bytes = bytes;
    this.position = position;
  }

  get left(): number {
    return this.bytes.length * 8 - this.position;
  }

  get overrun(): boolean {
    return this.position > this.bytes.length * 8;
  }

  /** Up to 24 bits that stay to be read. */
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

  /** An unsigned number of up to 32 bits. */
  read(count: number): number {
    if (count > 24) return this.read(count - 16) * 65536 + this.read(16);
    const value = this.peek(count);
    this.position += count;
    return value;
  }

  /** A number of up to 33 bits in two's complement. */
  signed(count: number): number {
    if (count === 0) return 0;
    const value = this.read(count);
    return value >= 2 ** (count - 1) ? value - 2 ** count : value;
  }

  flag(): boolean {
    const at = this.position++;
    return ((this.bytes[at >> 3]! >> (7 - (at & 7))) & 1) === 1;
  }

  /** How many bits there are before the next 1, which is read as well. @throws Error where none comes */
  zeros(): number {
    const bytes = this.bytes;
    let at = this.position >> 3;
    let byte = (bytes[at]! << (this.position & 7)) & 0xff;
    let count = -(this.position & 7);
    while (byte === 0) {
      if (++at >= bytes.length) throw new Error('a code has no end');
      byte = bytes[at]!;
      count += 8;
    }
    // Where the byte is the first one, its bits that were read already have been shifted out.
    const inByte = Math.clz32(byte) - 24;
    if (count < 0) {
      this.position += inByte + 1;
      return inByte;
    }
    const total = count + inByte;
    this.position += total + 1;
    return total;
  }

  /** On to the next whole byte. */
  align(): void {
    this.position = (this.position + 7) & ~7;
  }
}
