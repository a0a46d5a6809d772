/** Master elements whose children are read: segment, cluster, block group and tracks. Their size may be unknown. */
const ENTERED = new Set([0x18538067, 0x1f43b675, 0xa0, 0x1654ae6b]);
const CLUSTER = [0x1f, 0x43, 0xb6, 0x75];

export interface Element {
  id: number;
  /** The content; empty for elements whose children are read. */
  body: Uint8Array;
  /** Position of the content in the file. */
  at: number;
}

/**
 * Yields the elements of a Matroska file in order, including the children of segments, clusters, block groups and tracks, so that
 * the stated sizes of these do not matter. Source: RFC 8794, 4 to 6.
 */
export function* elementsIn(bytes: Uint8Array, entered: ReadonlySet<number> = ENTERED): Iterable<Element> {
  for (let at = 0; at < bytes.length;) {
    const id = readNumber(bytes, at, true);
    const size = id === undefined ? undefined : readNumber(bytes, at + id.size, false);
    if (id === undefined || size === undefined || id.size > 4) {
      at = nextCluster(bytes, at + 1); // damaged: continue with the next cluster
      continue;
    }
    const body = at + id.size + size.size;
    const inside = entered.has(id.value!);
    if (!inside && size.value === undefined) {
      at = nextCluster(bytes, at + 1);
      continue;
    }
    const end = inside ? body : body + size.value!;
    yield { id: id.value!, body: bytes.subarray(body, end), at: body };
    at = end;
  }
}

/** Returns the children of an element by their identifiers. The first of several wins. */
export function childrenOf(bytes: Uint8Array): Map<number, Uint8Array> {
  const children = new Map<number, Uint8Array>();
  for (const { id, body } of elementsIn(bytes, new Set())) if (!children.has(id)) children.set(id, body);
  return children;
}

/**
 * Reads a number of variable length (VINT).
 * @param marked whether the length marker is part of the value, as in identifiers
 * @returns `value` is undefined if all its bits are set, which stands for an unknown size
 */
export function readNumber(
  bytes: Uint8Array,
  at: number,
  marked: boolean,
): { value: number | undefined; size: number } | undefined {
  const first = bytes[at];
  if (first === undefined || first === 0) return undefined;
  const size = Math.clz32(first) - 23;
  if (at + size > bytes.length) return undefined;
  let value = marked ? first : first & (0xff >> size);
  let ones = (first & (0xff >> size)) === 0xff >> size;
  for (let i = 1; i < size; i++) {
    value = value * 256 + bytes[at + i]!;
    ones &&= bytes[at + i] === 0xff;
  }
  return { value: ones && !marked ? undefined : value, size };
}

/** Returns the position of the next cluster; that of the end if there is none. */
function nextCluster(bytes: Uint8Array, from: number): number {
  for (let at = from; at < bytes.length; at++) {
    at = bytes.indexOf(CLUSTER[0]!, at);
    if (at < 0) return bytes.length;
    if (CLUSTER.every((byte, i) => bytes[at + i] === byte)) return at;
  }
  return bytes.length;
}

/** Returns the value of an unsigned integer element, or the default. */
export function unsigned(bytes: Uint8Array | undefined, fallback: number): number {
  return bytes === undefined || bytes.length > 8 ? fallback : bytes.reduce((value, byte) => value * 256 + byte, 0);
}

/** Returns the value of a float element, or the default. */
export function float(bytes: Uint8Array | undefined, fallback: number): number {
  if (bytes === undefined) return fallback;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return bytes.length === 4 ? view.getFloat32(0) : bytes.length === 8 ? view.getFloat64(0) : fallback;
}
