import { open } from 'node:fs/promises';
import { wavHeader } from '../audio/wav-header.js';

/** Bytes that are read at once: between two reads others have their turn. */
const STRETCH = 2 ** 20;

/**
 * The outline of a processed_audio.wav: the largest magnitude in each of `count` equal stretches.
 * @throws what the file system throws
 */
export async function peaksOf(file: string, count: number): Promise<{ durationSeconds: number; peaks: number[] }> {
  const handle = await open(file);
  try {
    const head = wavHeader(0, 0).length;
    const { size } = await handle.stat();
    const total = Math.max(0, Math.floor((size - head) / 4));
    const header = Buffer.alloc(head);
    await handle.read(header, 0, head, 0);
    const sampleRate = header.readUInt32LE(24);
    const peaks = new Float32Array(Math.min(count, Math.max(1, total)));
    const stretch = new Float32Array(STRETCH / 4);
    const bytes = new Uint8Array(stretch.buffer);
    for (let at = 0; at < total;) {
      const { bytesRead } = await handle.read(bytes, 0, Math.min(STRETCH, 4 * (total - at)), head + 4 * at);
      const samples = bytesRead >> 2;
      if (samples === 0) break;
      for (let i = 0; i < samples; i++) {
        const slot = Math.floor(((at + i) / total) * peaks.length);
        const size = Math.abs(stretch[i]!);
        if (size > peaks[slot]!) peaks[slot] = size;
      }
      at += samples;
    }
    const rounded = Array.from(peaks, (peak) => Math.round(1000 * Math.min(1, peak)) / 1000);
    return { durationSeconds: total / sampleRate, peaks: rounded };
  } finally {
    await handle.close();
  }
}
