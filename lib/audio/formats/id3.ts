const HEADER = 10;

/**
 * Returns the position after the ID3v2 tags that begin at `at`. There may be several, or none.
 */
export function skipId3(bytes: Uint8Array, at: number): number {
  for (;;) {
    const size = id3Size(bytes, at);
    if (size === 0) return at;
    at += size;
  }
}

/** Returns the size of the ID3v2 tag at `at`, including its header and footer; 0 if there is no valid tag. */
export function id3Size(bytes: Uint8Array, at: number): number {
  const isTag = bytes[at] === 0x49 && bytes[at + 1] === 0x44 && bytes[at + 2] === 0x33;
  if (!isTag || at + HEADER > bytes.length) return 0;
  const digits = bytes.subarray(at + 6, at + HEADER);
  if (bytes[at + 3] === 0xff || digits.some((digit) => digit > 127)) return 0;
  const footer = bytes[at + 5]! & 0x10 ? HEADER : 0;
  return HEADER + digits.reduce((size, digit) => size * 128 + digit, 0) + footer;
}
