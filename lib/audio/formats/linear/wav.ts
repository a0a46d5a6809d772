import { type Chunk, CHUNKS, chunksOf, nameAt, Parts, samplesIn } from './chunks.js';
import type { EmbeddedStream, LinearAudio } from './linear-audio.js';
import { readWavData, readWavFormat, type WavFormat } from './wav-codec.js';

/** What the size of a data chunk is where the true one stands in a ds64 chunk, or where nobody knew it. */
const UNKNOWN = 0xffffffff;

/**
 * Reads RIFF/WAVE, also big-endian (RIFX) and beyond 4 GB (RF64, BW64), with the format before or behind the data. Several data
 * chunks are read as one.
 * @returns undefined when the bytes are no such file
 * @throws Unsupported where the codec is not among those of readWavData; Error where the file is broken
 */
export function readWav(bytes: Uint8Array): LinearAudio | EmbeddedStream | undefined {
  const kind = nameAt(bytes, 0);
  if (!['RIFF', 'RIFX', 'RF64', 'BW64'].includes(kind) || nameAt(bytes, 8) !== 'WAVE') return undefined;
  const littleEndian = kind !== 'RIFX';
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let format: WavFormat | undefined;
  let promised: number | undefined;
  let wideSize: number | undefined;
  const parts = new Parts();
  for (const chunk of chunksOf(bytes, 12, littleEndian)) {
    const there = bytes.subarray(chunk.body, chunk.body + chunk.size);
    if (chunk.id === 'ds64' && there.length >= 16) wideSize = Number(view.getBigUint64(chunk.body + 8, littleEndian));
    if (chunk.id === 'fmt ') format ??= readWavFormat(there, littleEndian);
    if (chunk.id === 'fact' && there.length >= 4) promised = view.getUint32(chunk.body, littleEndian);
    if (chunk.id !== 'data') continue;
    const size = chunk.size === UNKNOWN ? (wideSize ?? UNKNOWN) : chunk.size;
    const part = samplesIn(bytes, chunk, littleEndian, size);
    parts.push(part);
    if (part.length > chunk.size) break; // to the file's end
  }
  if (format === undefined) throw new Error('the WAV header is cut off');
  if (parts.count === 0) throw new Error('the WAV file has no data chunk');
  return readWavData(format, parts.bytes, littleEndian, promised);
}

/** The rest of the identifiers of Wave64, behind the four letters. */
const W64_RIFF = 'riff2e91cf11a5d628db04c10000';
const W64_REST = 'f3acd3118cd100c04f8edb8a';
const W64_HEAD = 24;

/**
 * Reads Sony's Wave64: chunks are named by GUIDs and have sizes of 64 bits, which count their heads.
 * @returns undefined when the bytes are no such file
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
    if (size <= 0) break; // a recorder that died: to the file's end
  }
  if (format === undefined) throw new Error('the Wave64 header is cut off');
  if (parts.count === 0) throw new Error('the Wave64 file has no data chunk');
  return readWavData(format, parts.bytes, true);
}

function* wave64Chunks(bytes: Uint8Array): Iterable<Chunk> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = W64_HEAD + 16, count = 0; at + W64_HEAD <= bytes.length;) {
    if (++count > CHUNKS) throw new Error(`it has more than ${CHUNKS} chunks`);
    const whole = Number(view.getBigUint64(at + 16, true));
    const id = guidAt(bytes, at).endsWith(W64_REST) ? nameAt(bytes, at) : '';
    yield { id, body: at + W64_HEAD, size: whole - W64_HEAD };
    at += Math.max(W64_HEAD, 8 * Math.ceil(whole / 8));
  }
}

/** Four letters, and the other twelve bytes in hexadecimal. */
function guidAt(bytes: Uint8Array, at: number): string {
  return nameAt(bytes, at) + Buffer.from(bytes.subarray(at + 4, at + 16)).toString('hex');
}
