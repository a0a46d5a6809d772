import { types } from 'node:util';

/**
 * Returns the bytes of a buffer or of a view, of any realm, without a copy. Returns undefined for other values, such as text or
 * arrays of wider numbers, which may be samples.
 * @throws TypeError if the buffer is detached
 */
export function bytesOf(value: unknown): Uint8Array | undefined {
  if (types.isUint8Array(value)) return attached(value);
  if (types.isAnyArrayBuffer(value)) return attached(new Uint8Array(ownBuffer(value)));
  if (!ArrayBuffer.isView(value)) return undefined;
  if (!(types.isDataView(value) || types.isInt8Array(value) || types.isUint8ClampedArray(value))) return undefined;
  assertAttached(value);
  return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
}

/**
 * Checks that the array's buffer was not transferred. It would otherwise pass for an empty array.
 * @throws TypeError if the buffer is detached
 */
export function assertAttached({ buffer }: ArrayBufferView): void {
  if (buffer.byteLength === 0) ownBuffer(buffer);
}

/** Returns whether the view's memory may change while it is read: another thread may write to it, or it may be resized. */
export function isMutable({ buffer }: ArrayBufferView): boolean {
  if (types.isSharedArrayBuffer(buffer)) return true;
  return (buffer as ArrayBuffer & { resizable?: boolean }).resizable === true;
}

/**
 * Returns the same bytes in memory that no other code refers to.
 * @param take whether the buffer may be transferred rather than copied. It is transferred only if the bytes are all of it.
 */
export function ownBytes(bytes: Uint8Array, take: boolean): Uint8Array {
  const { buffer, byteLength } = bytes;
  if (take && byteLength === buffer.byteLength && byteLength > 0 && !isMutable(bytes)) {
    try {
      return new Uint8Array(structuredClone(buffer as ArrayBuffer, { transfer: [buffer as ArrayBuffer] }));
    } catch {
      // Some buffers cannot be transferred, such as the memory of WebAssembly and buffers that are marked as untransferable.
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
    new Uint8Array(buffer); // throws for a detached buffer in every version of Node
    return buffer;
  } catch (cause) {
    throw new TypeError('The bytes are no longer available: their buffer was transferred (it is detached)', { cause });
  }
}
