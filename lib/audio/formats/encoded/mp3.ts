const TAG_SEARCH = 65_536; // an ID3 tag with a picture may come first
const HAS_FRAMES = 1;
const HAS_BYTES = 2;
/** Taggers that run after the encoder may drop a few bytes. */
const TOLERANCE = 0.98;

/**
 * How much of an MP3 is missing: encoders note the stream's size in the Xing or Info tag of the first frame.
 * @returns undefined when the file is whole or carries no such note
 */
export function missingFromMp3(bytes: Uint8Array): { promised: number; found: number } | undefined {
  const head = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, TAG_SEARCH));
  const at = ['Xing', 'Info'].map((tag) => head.indexOf(tag, 0, 'latin1')).find((index) => index >= 4);
  const isMp3 = head.toString('latin1', 0, 3) === 'ID3' || (head[0] === 0xff && (head[1]! & 0xe0) === 0xe0);
  if (!isMp3 || at === undefined || at + 16 > head.length) return undefined;
  const flags = head.readUInt32BE(at + 4);
  if ((flags & HAS_BYTES) === 0) return undefined;
  const promised = head.readUInt32BE(at + 8 + (flags & HAS_FRAMES ? 4 : 0));
  const found = bytes.length - at;
  return found < promised * TOLERANCE ? { promised, found } : undefined;
}
