const HEADER = 8;
/** Maximum depth of nested boxes. */
const MAX_DEPTH = 12;

export interface Box {
  type: string;
  /** The content without the header. */
  body: Uint8Array;
  /** Position of the content in the file. */
  at: number;
}

/** Yields the boxes of a file or of a box. The last one may extend beyond the end. Source: ISO/IEC 14496-12, 4.2. */
export function* boxesIn(bytes: Uint8Array, base = 0): Iterable<Box> {
  const view = viewOf(bytes);
  for (let at = 0; at + HEADER <= bytes.length;) {
    let [size, header] = [view.getUint32(at), HEADER];
    if (size === 0) size = bytes.length - at;
    if (size === 1 && at + 16 <= bytes.length) [size, header] = [Number(view.getBigUint64(at + 8)), 16];
    if (size < header) return;
    const type = latin1(bytes.subarray(at + 4, at + 8));
    yield { type, body: bytes.subarray(at + header, at + size), at: base + at + header };
    at += size;
  }
}

/** Returns the first box at this path. */
export function find(boxes: Iterable<Box>, ...path: string[]): Box | undefined {
  return all(boxes, ...path)[0];
}

/** Returns all boxes at this path. */
export function all(boxes: Iterable<Box>, ...path: string[]): Box[] {
  const [type, ...rest] = path;
  const found = [...boxes].filter((box) => box.type === type);
  if (rest.length === 0 || path.length > MAX_DEPTH) return found;
  return found.flatMap(({ body, at }) => all(boxesIn(body, at), ...rest));
}

export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

export function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
}
