import { type Chunk, MAX_CHUNKS, chunksOf, nameAt, Parts, samplesIn } from './chunks.js';
import type { EmbeddedStream, LinearAudio } from './linear-audio.js';
import { readWavData, readWavFormat, type WavFormat } from './wav-codec.js';

/** Size of a data chunk whose actual size is in a ds64 chunk or was not known to the program that wrote it. */
const UNKNOWN = 0xffffffff;

/**
 * Reads RIFF/WAVE, including its big-endian variant (RIFX) and its variants for more than 4 GB (RF64, BW64). The format may
 * precede or follow the data. Several data chunks are read as one.
 * @returns undefined if the bytes are not a WAV file
 * @throws UnsupportedFormatError if `readWavData` does not support the codec; Error if the file is damaged
 */
export function readWav(bytes: Uint8Array): LinearAudio | EmbeddedStream | undefined {
  const kind = nameAt(bytes, 0);
  if (!['RIFF', 'RIFX', 'RF64', 'BW64'].includes(kind) || nameAt(bytes, 8) !== 'WAVE') return undefined;
  const littleEndian = kind !== 'RIFX';
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let format: WavFormat | undefined;
  let declared: number | undefined;
  let wideSize: number | undefined;
  const parts = new Parts();
  for (const chunk of chunksOf(bytes, 12, littleEndian)) {
    const content = bytes.subarray(chunk.body, chunk.body + chunk.size);
    if (chunk.id === 'ds64' && content.length >= 16) wideSize = Number(view.getBigUint64(chunk.body + 8, littleEndian));
    if (chunk.id === 'fmt ') format ??= readWavFormat(content, littleEndian);
    if (chunk.id === 'fact' && content.length >= 4) declared = view.getUint32(chunk.body, littleEndian);
    if (chunk.id !== 'data') continue;
    const size = chunk.size === UNKNOWN ? (wideSize ?? UNKNOWN) : chunk.size;
    const part = samplesIn(bytes, chunk, littleEndian, size);
    parts.push(part);
    if (part.length > chunk.size) break; // the samples extend to the end of the file
  }
  if (format === undefined) throw new Error('the WAV header is truncated');
  if (parts.count === 0) throw new Error('the WAV file has no data chunk');
  return readWavData(format, parts.bytes, littleEndian, declared);
}

/** Identifiers of Wave64: the four-character code followed by these bytes. */
const W64_RIFF = 'riff2e91cf11a5d628db04c10000';
const W64_REST = 'f3acd3118cd100c04f8edb8a';
const W64_HEAD = 24;

/**
 * Reads Sony's Wave64. Its chunks are identified by GUIDs and have sizes of 64 bits that include their headers.
 * @returns undefined if the bytes are not a Wave64 file
 * @throws as readWav
 */
export function readWave64(bytes: Uint8Array): LinearAudio | EmbeddedStream | undefined {
  if (guidAt(bytes, 0) !== W64_RIFF || guidAt(bytes, W64_HEAD) !== `wave${W64_REST}`) return undefined;
  let format: WavFormat | undefined;
  const parts = new Parts();
  for (const { id, body, size } of wave64Chunks(bytes)) {
    if (id === 'fmt ') format ??= readWavFormat(bytes.subarray(body, body + size), true);
    if (id !== 'data') continue;
    parts.push(size > 0 ? bytes.subarray(body, body + size) : bytes.subarray(body));
    if (size <= 0) break; // the recorder was interrupted: the samples extend to the end of the file
  }
  if (format === undefined) throw new Error('the Wave64 header is truncated');
  if (parts.count === 0) throw new Error('the Wave64 file has no data chunk');
  return readWavData(format, parts.bytes, true);
}

function* wave64Chunks(bytes: Uint8Array): Iterable<Chunk> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = W64_HEAD + 16, count = 0; at + W64_HEAD <= bytes.length;) {
    if (++count > MAX_CHUNKS) throw new Error(`it has more than ${MAX_CHUNKS} chunks`);
    const whole = Number(view.getBigUint64(at + 16, true));
    const id = guidAt(bytes, at).endsWith(W64_REST) ? nameAt(bytes, at) : '';
    yield { id, body: at + W64_HEAD, size: whole - W64_HEAD };
    at += Math.max(W64_HEAD, 8 * Math.ceil(whole / 8));
  }
}

/** Returns the four-character code and the other twelve bytes in hexadecimal. */
function guidAt(bytes: Uint8Array, at: number): string {
  return nameAt(bytes, at) + Buffer.from(bytes.subarray(at + 4, at + 16)).toString('hex');
}
