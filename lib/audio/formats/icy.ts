/** Maximum size of the header of a radio stream. */
const MAX_HEADER = 65_536;

/**
 * Extracts the audio of a radio stream (SHOUTcast/ICY) that was saved as it was received: removes the response header, and the
 * titles that are inserted at the interval in that header. Other bytes are returned as they are.
 */
export function withoutIcy(bytes: Uint8Array): Uint8Array {
  const start = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, MAX_HEADER));
  if (!/^(ICY |HTTP\/\d)/.test(start.toString('latin1', 0, 6))) return bytes;
  const header = /^.*?\r?\n\r?\n/s.exec(start.toString('latin1'))?.[0];
  if (header === undefined) return bytes;
  const audio = bytes.subarray(header.length);
  const interval = Number(/^icy-metaint:\s*(\d{1,9})\s*$/im.exec(header)?.[1] ?? 0);
  return interval === 0 ? audio : withoutTitles(audio, interval);
}

function withoutTitles(bytes: Uint8Array, interval: number): Uint8Array {
  const audio = new Uint8Array(bytes.length);
  let size = 0;
  for (let at = 0; at < bytes.length;) {
    const chunk = bytes.subarray(at, at + interval);
    audio.set(chunk, size);
    size += chunk.length;
    at += interval + 1 + 16 * (bytes[at + interval] ?? 0);
  }
  return audio.subarray(0, size);
}
