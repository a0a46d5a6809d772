import { wavHeader } from '../audio/write/wav-header.js';
import { limits } from '../options/limits.js';
import { openStored } from './stored-file.js';

/** Bytes that are read at once. Between two reads the event loop runs other work. */
const CHUNK_BYTES = 2 ** 20;
/** Offset of the sample rate in a WAV header. */
const RATE_OFFSET = 24;

/** Returns whether the beginning of a file is that of a processed_audio.wav. */
export function isProcessedAudio(head: Buffer): boolean {
  const sampleRate = head.readUInt32LE(RATE_OFFSET);
  if (sampleRate < limits.sampleRate.min || sampleRate > limits.sampleRate.max) return false;
  const expected = wavHeader(0, sampleRate);
  // The sizes are not compared, because a header with a wrong size does no harm here.
  return expected.every((byte, i) => (i >= 4 && i < 8) || i >= 42 || head[i] === byte);
}

/**
 * Returns the outline of a processed_audio.wav: the largest magnitude in each of `count` equal parts.
 * @returns undefined if there is no such file
 * @throws errors of the file system
 */
export async function peaksOf(file: string, count: number): Promise<{ duration: number; peaks: number[] } | undefined> {
  const stored = await openStored(file);
  if (stored === undefined) return undefined;
  const { handle, bytes: fileBytes } = stored;
  try {
    const head = wavHeader(0, 0).length;
    const total = Math.max(0, Math.floor((fileBytes - head) / 4));
    const header = Buffer.alloc(head);
    await handle.read(header, 0, head, 0);
    const sampleRate = header.readUInt32LE(RATE_OFFSET);
    const peaks = new Float32Array(Math.min(count, Math.max(1, total)));
    const chunk = new Float32Array(CHUNK_BYTES / 4);
    const bytes = new Uint8Array(chunk.buffer);
    for (let at = 0; at < total;) {
      const { bytesRead } = await handle.read(bytes, 0, Math.min(CHUNK_BYTES, 4 * (total - at)), head + 4 * at);
      const samples = bytesRead >> 2;
      if (samples === 0) break;
      for (let i = 0; i < samples; i++) {
        const part = Math.floor(((at + i) / total) * peaks.length);
        const magnitude = Math.abs(chunk[i]!);
        if (magnitude > peaks[part]!) peaks[part] = magnitude;
      }
      at += samples;
    }
    const rounded = Array.from(peaks, (peak) => Math.round(1000 * Math.min(1, peak)) / 1000);
    return { duration: total / sampleRate, peaks: rounded };
  } finally {
    await handle.close();
  }
}
