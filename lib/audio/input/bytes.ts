import { types } from 'node:util';

/**
 * The bytes of a buffer or a view of one, of any realm, not copied; undefined for what is no bytes, such as text, or an array of
 * wider numbers, which may as well be samples.
 * @throws TypeError where the buffer was moved elsewhere
 */
export function bytesOf(value: unknown): Uint8Array | undefined {
  if (types.isUint8Array(value)) return attached(value);
  if (types.isAnyArrayBuffer(value)) return attached(new Uint8Array(ownBuffer(value)));
  if (!ArrayBuffer.isView(value)) return undefined;
  if (!(types.isDataView(value) || types.isInt8Array(value) || types.isUint8ClampedArray(value))) return undefined;
  assertAttached(value);
  return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
}

/** @throws TypeError where the array's buffer was moved elsewhere: it would pass for an empty one */
export function assertAttached({ buffer }: ArrayBufferView): void {
  if (buffer.byteLength === 0) ownBuffer(buffer);
}

/** Whether another thread may write to the view's memory, or its size may change. */
export function isUnsteady({ buffer }: ArrayBufferView): boolean {
  if (types.isSharedArrayBuffer(buffer)) return true;
  return (buffer as ArrayBuffer & { resizable?: boolean }).resizable === true;
}

/**
 * The same bytes in memory that nobody else has.
 * @param take whether the buffer may be taken rather than copied; it is where the bytes are the whole of it
 */
export function ownBytes(bytes: Uint8Array, take: boolean): Uint8Array {
  const { buffer, byteLength } = bytes;
  if (take && byteLength === buffer.byteLength && byteLength > 0 && !isUnsteady(bytes)) {
    try {
      const taken = new Uint8Array(structuredClone(buffer as ArrayBuffer, { transfer: [buffer as ArrayBuffer] }));
      return taken;
    } catch {
      // Some may not be moved: WebAssembly's memory, what is marked as such.
    }
  }
  const copy = new Uint8Array(byteLength);
  copy.set(bytes);
  return copy;
}

function attached(bytes: Uint8Array): Uint8Array {
  assertAttached(bytes);
  return bytes;
}

function ownBuffer(buffer: ArrayBufferLike): ArrayBufferLike {
  try {
    new Uint8Array(buffer); // throws for a detached one, in every version of Node
    return buffer;
  } catch (cause) {
    throw new TypeError('The bytes are not there any more: their buffer was transferred (it is detached)', { cause });
  }
}
