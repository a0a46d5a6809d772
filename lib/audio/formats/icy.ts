/** Bytes in which a header of a radio stream ends. */
const HEADER = 65_536;

/**
 * What a radio stream that was saved as it came holds of audio: without the header of the answer, and without the titles that
 * come between, each behind as many bytes as the header says.
 */
export function withoutIcy(bytes: Uint8Array): Uint8Array {
  const start = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, HEADER));
  if (!/^(ICY |HTTP\/\d)/.test(start.toString('latin1', 0, 6))) return bytes;
  const header = /^.*?\r?\n\r?\n/s.exec(start.toString('latin1'))?.[0];
  if (header === undefined) return bytes;
  const audio = bytes.subarray(header.length);
  const every = Number(/^icy-metaint:\s*(\d{1,9})\s*$/im.exec(header)?.[1] ?? 0);
  return every === 0 ? audio : withoutTitles(audio, every);
}

function withoutTitles(bytes: Uint8Array, every: number): Uint8Array {
  const audio = new Uint8Array(bytes.length);
  let size = 0;
  for (let at = 0; at < bytes.length;) {
    const piece = bytes.subarray(at, at + every);
    audio.set(piece, size);
    size += piece.length;
    at += every + 1 + 16 * (bytes[at + every] ?? 0);
  }
  return audio.subarray(0, size);
}
