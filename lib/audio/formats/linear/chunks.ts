import { concatBytes } from '../../../shared/concat.js';

/** A named part of a file. */
export interface Chunk {
  id: string;
  /** Position of the content. */
  body: number;
  /** Size according to the header. May exceed the file. */
  size: number;
}

/** Returns a four-character code; an empty string beyond the end. */
export function nameAt(bytes: Uint8Array, at: number): string {
  const [a, b, c, d] = [bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]];
  return d === undefined ? '' : String.fromCharCode(a!, b!, c!, d);
}

/** Maximum number of chunks in a file. Programs write a dozen; each takes more work than its eight bytes would suggest. */
export const MAX_CHUNKS = 100_000;

/**
 * Yields the chunks of RIFF and AIFF files: a four-character code, a size of 32 bits, the content, and a byte of padding after
 * odd sizes, which some programs omit.
 */
export function* chunksOf(bytes: Uint8Array, begin: number, littleEndian: boolean): Iterable<Chunk> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = begin, count = 0; at + 8 <= bytes.length;) {
    if (++count > MAX_CHUNKS) throw new Error(`it has more than ${MAX_CHUNKS} chunks`);
    const size = view.getUint32(at + 4, littleEndian);
    yield { id: nameAt(bytes, at), body: at + 8, size };
    at += 8 + size;
    if (size % 2 === 1 && !(isName(bytes, at) && !isName(bytes, at + 1))) at++;
  }
}

/** Chunks that may follow the samples of WAV and AIFF files. */
const KNOWN_CHUNKS = new Set(
  [
    'LIST|INFO|fact|cue |smpl|inst|bext|id3 |ID3 |iXML|PEAK|JUNK|junk|PAD |FLLR|data|fmt |afsp|ds64|_PMX|axml|chna|plst|note',
    'DISP|cart|SAUR|minf|elm1|regn|umid|LGWV|levl|acid|strc|COMM|SSND|MARK|COMT|NAME|AUTH|(c) |ANNO|APPL|AESD|MIDI|INST|CHAN',
  ].flatMap((names) => names.split('|')),
);

/**
 * Returns the content of the chunk with the samples. Encoders that cannot seek leave a size that exceeds the file, the maximum,
 * or 0; the samples then extend to the end of the file. A size of 0 is correct if another chunk follows.
 * @param size the size, if it is known from elsewhere than the chunk's header
 */
export function samplesIn(bytes: Uint8Array, chunk: Chunk, littleEndian: boolean, size = chunk.size): Uint8Array {
  const rest = bytes.subarray(Math.min(chunk.body, bytes.length));
  if (size > 0) return rest.subarray(0, size);
  const [next] = chunksOf(bytes, chunk.body, littleEndian);
  const follows = next !== undefined && KNOWN_CHUNKS.has(next.id) && next.body + next.size <= bytes.length + 1;
  return follows ? rest.subarray(0, 0) : rest;
}

function isName(bytes: Uint8Array, at: number): boolean {
  for (let i = 0; i < 4; i++) if (!(bytes[at + i]! >= 0x20 && bytes[at + i]! < 0x7f)) return false;
  return true;
}

/** Several byte ranges of a file that are read as one. */
export class Parts {
  readonly #parts: Uint8Array[] = [];

  /** @throws Error if there are too many parts */
  push(part: Uint8Array): void {
    if (this.#parts.push(part) > MAX_CHUNKS)
      throw new Error(`its samples are divided into more than ${MAX_CHUNKS} parts`);
  }

  get count(): number {
    return this.#parts.length;
  }

  /** All bytes; a copy if there are several parts. */
  get bytes(): Uint8Array {
    return this.#parts.length === 1 ? this.#parts[0]! : concatBytes(this.#parts);
  }
}
