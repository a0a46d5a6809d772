import { Unsupported } from '../../failure.js';
import type { Stretch } from '../stretch.js';
import { indexFirst } from './mp4.js';

/** What `audio-decode` exports: its default export is a function with a decoder of each format for a property. */
interface Decoders {
  decode: (stretches: Iterable<Uint8Array>, format: string) => AsyncIterable<Stretch>;
  formatOf: (bytes: Uint8Array) => string | undefined;
}
let decoders: Promise<Decoders> | undefined;

/**
 * Encoded bytes that are decoded at once: compressed silence may be a thousand times as large when it is not. WebM's decoder
 * takes a time that is quadratic in the last piece.
 */
const STRETCH = { usual: 65_536, webm: 8192 };

/** Decodes what is compressed. @throws Unsupported where nothing here reads it; Error where it is broken */
export async function* decodeEncoded(bytes: Uint8Array): AsyncIterable<Stretch> {
  decoders ??= Promise.all([import('audio-decode'), import('audio-type')]).then(([{ default: decode }, type]) => ({
    decode: decode as unknown as Decoders['decode'],
    formatOf: type.default,
  }));
  const { decode, formatOf } = await decoders;
  const whole = bytes.byteLength === bytes.buffer.byteLength ? bytes : bytes.slice(); // audio-type looks at the buffer's start
  const format = formatOf(whole);
  if (format === undefined) throw new Unsupported('Unknown audio format');
  const ordered = ['mp4', 'm4a', 'mov'].includes(format) ? indexFirst(whole) : whole;
  const size = format === 'webm' || format === 'mkv' ? STRETCH.webm : STRETCH.usual;
  yield* decode(stretchesOf(ordered, size), format);
}

/** The last one is the longest: FLAC's decoder drops a frame where the file's last piece is a few bytes. */
function* stretchesOf(bytes: Uint8Array, size: number): Iterable<Uint8Array> {
  for (let at = 0; at < bytes.length;) {
    const end = bytes.length - at < 2 * size ? bytes.length : at + size;
    yield bytes.subarray(at, end);
    at = end;
  }
}
