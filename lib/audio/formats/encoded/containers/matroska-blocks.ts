import { type Element, readNumber } from './ebml.js';

const ID = { cluster: 0x1f43b675, simpleBlock: 0xa3, blockGroup: 0xa0, block: 0xa1, discard: 0x75a2 };

export interface BlockFrame {
  data: Uint8Array;
  /** Padding at the end of the frame in nanoseconds. */
  discard: number;
}

/** Yields the frames of a track in the order of the file. Source: RFC 9559, 10. */
export function* trackFrames(elements: Iterable<Element>, track: number): Iterable<BlockFrame> {
  let waiting: BlockFrame[] = []; // frames of a group whose other elements may follow its block
  for (const { id, body } of elements) {
    if (id === ID.discard && waiting.length > 0) {
      waiting.at(-1)!.discard = Math.max(0, signed(body));
      continue;
    }
    if (id !== ID.simpleBlock && id !== ID.block && id !== ID.cluster && id !== ID.blockGroup) continue;
    yield* waiting;
    waiting = [];
    if (id === ID.simpleBlock || id === ID.block) waiting = framesOf(body, track).map((data) => ({ data, discard: 0 }));
  }
  yield* waiting;
}

/** Returns the frames of a block: one, or several if the block uses lacing. */
function framesOf(block: Uint8Array, track: number): Uint8Array[] {
  const number = readNumber(block, 0, false);
  if (number?.value !== track || number.size + 3 > block.length) return [];
  const lacing = (block[number.size + 2]! >> 1) & 3;
  let at = number.size + 3;
  if (lacing === 0) return [block.subarray(at)];
  const count = (block[at++] ?? 0) + 1;
  const sizes: number[] = [];
  if (lacing === 2) {
    const each = Math.floor((block.length - at) / count);
    sizes.push(...Array.from({ length: count - 1 }, () => each));
  } else {
    for (let i = 0; i < count - 1; i++) {
      const read = lacing === 1 ? xiphSize(block, at) : ebmlSize(block, at, sizes.at(-1));
      if (read === undefined) return [];
      sizes.push(read.value);
      at += read.size;
    }
  }
  const frames: Uint8Array[] = [];
  for (const size of [...sizes, Infinity]) {
    frames.push(block.subarray(at, Math.min(block.length, at + size)));
    at += size;
  }
  return frames.filter(({ length }) => length > 0);
}

/** Reads a frame size in Xiph lacing. */
function xiphSize(block: Uint8Array, at: number): { value: number; size: number } | undefined {
  let value = 0;
  for (let i = at; i < block.length; i++) {
    value += block[i]!;
    if (block[i] !== 255) return { value, size: i - at + 1 };
  }
  return undefined;
}

/**
 * Reads a frame size in EBML lacing: the first size is stated directly, each other one as the difference from the previous one.
 */
function ebmlSize(
  block: Uint8Array,
  at: number,
  before: number | undefined,
): { value: number; size: number } | undefined {
  const read = readNumber(block, at, false);
  if (read?.value === undefined) return undefined;
  const value = before === undefined ? read.value : before + read.value - (2 ** (7 * read.size - 1) - 1);
  return value < 0 ? undefined : { value, size: read.size };
}

function signed(bytes: Uint8Array): number {
  if (bytes.length === 0 || bytes.length > 8) return 0;
  const value = bytes.reduce((sum, byte) => sum * 256 + byte, 0);
  return bytes[0]! & 0x80 ? value - 2 ** (8 * bytes.length) : value;
}
