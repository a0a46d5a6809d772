const HEADER = 8;
/** Boxes within boxes, at most. */
const DEPTH = 12;

export interface Box {
  type: string;
  /** Without its header. */
  body: Uint8Array;
  /** Of the body, in the file. */
  at: number;
}

/** The boxes of a file or of a box, as far as they are whole; the last one may reach beyond the end. Source: ISO/IEC 14496-12, 4.2. */
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

/** The first box of that path. */
export function find(boxes: Iterable<Box>, ...path: string[]): Box | undefined {
  return all(boxes, ...path)[0];
}

/** All boxes of that path. */
export function all(boxes: Iterable<Box>, ...path: string[]): Box[] {
  const [type, ...rest] = path;
  const found = [...boxes].filter((box) => box.type === type);
  if (rest.length === 0 || path.length > DEPTH) return found;
  return found.flatMap(({ body, at }) => all(boxesIn(body, at), ...rest));
}

export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

export function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
}
