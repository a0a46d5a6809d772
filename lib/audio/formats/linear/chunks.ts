/** A part of a file with a name and a size. */
export interface Chunk {
  id: string;
  /** Where its content begins. */
  body: number;
  /** What its header says, which may be more than the file holds. */
  size: number;
}

/** Four letters; those behind the end are missing. */
export function nameAt(bytes: Uint8Array, at: number): string {
  const [a, b, c, d] = [bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]];
  return d === undefined ? '' : String.fromCharCode(a!, b!, c!, d);
}

/** Of a file. Programs write a dozen; each costs more than its eight bytes explain. */
export const CHUNKS = 100_000;

/** Of RIFF and AIFF: four letters, a size of 32 bits, and a byte of padding behind odd sizes, which some programs forget. */
export function* chunksOf(bytes: Uint8Array, begin: number, littleEndian: boolean): Iterable<Chunk> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = begin, count = 0; at + 8 <= bytes.length;) {
    if (++count > CHUNKS) throw new Error(`it has more than ${CHUNKS} chunks`);
    const size = view.getUint32(at + 4, littleEndian);
    yield { id: nameAt(bytes, at), body: at + 8, size };
    at += 8 + size;
    if (size % 2 === 1 && !(isName(bytes, at) && !isName(bytes, at + 1))) at++;
  }
}

/** Chunks that come behind the samples of WAV and AIFF files. */
const KNOWN = new Set(
  [
    'LIST|INFO|fact|cue |smpl|inst|bext|id3 |ID3 |iXML|PEAK|JUNK|junk|PAD |FLLR|data|fmt |afsp|ds64|_PMX|axml|chna|plst|note',
    'DISP|cart|SAUR|minf|elm1|regn|umid|LGWV|levl|acid|strc|COMM|SSND|MARK|COMT|NAME|AUTH|(c) |ANNO|APPL|AESD|MIDI|INST|CHAN',
  ].flatMap((names) => names.split('|')),
);

/**
 * The content of the chunk with the samples. A size that is larger than the file, or the largest there is, comes of encoders
 * that could not go back; 0 too, unless nothing or another chunk follows: then it is true. All others are read to the file's end.
 * @param size where it is known better than its header says
 */
export function samplesIn(bytes: Uint8Array, chunk: Chunk, littleEndian: boolean, size = chunk.size): Uint8Array {
  const rest = bytes.subarray(Math.min(chunk.body, bytes.length));
  if (size > 0) return rest.subarray(0, size);
  const [next] = chunksOf(bytes, chunk.body, littleEndian);
  const follows = next !== undefined && KNOWN.has(next.id) && next.body + next.size <= bytes.length + 1;
  return follows ? rest.subarray(0, 0) : rest;
}

function isName(bytes: Uint8Array, at: number): boolean {
  for (let i = 0; i < 4; i++) if (!(bytes[at + i]! >= 0x20 && bytes[at + i]! < 0x7f)) return false;
  return true;
}

/** Parts of a file that are read as one. */
export class Parts {
  readonly #parts: Uint8Array[] = [];

  /** @throws Error where there are too many */
  push(part: Uint8Array): void {
    if (this.#parts.push(part) > CHUNKS) throw new Error(`its samples lie in more than ${CHUNKS} places`);
  }

  get count(): number {
    return this.#parts.length;
  }

  /** All of them; a copy where there are several. */
  get bytes(): Uint8Array {
    return this.#parts.length === 1 ? this.#parts[0]! : new Uint8Array(Buffer.concat(this.#parts));
  }
}
