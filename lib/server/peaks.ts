import { limits } from '../options/limits.js';
import { wavHeader } from '../audio/write/wav-header.js';
import { openStored } from './stored-file.js';

/** Bytes that are read at once: between two reads others have their turn. */
const STRETCH = 2 ** 20;
/** Where a header has its rate. */
const RATE_AT = 24;

/** Whether a file that begins like this is a processed_audio.wav. */
export function isProcessedAudio(head: Buffer): boolean {
  const sampleRate = head.readUInt32LE(RATE_AT);
  if (sampleRate < limits.sampleRate.min || sampleRate > limits.sampleRate.max) return false;
  const ours = wavHeader(0, sampleRate);
  // All but the sizes: a header that says more than there is does no harm here.
  return ours.every((byte, i) => (i >= 4 && i < 8) || i >= 42 || head[i] === byte);
}

/**
 * The outline of a processed_audio.wav: the largest magnitude in each of `count` equal stretches.
 * @returns undefined where there is none
 * @throws what the file system throws
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
    const sampleRate = header.readUInt32LE(RATE_AT);
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
    return { duration: total / sampleRate, peaks: rounded };
  } finally {
    await handle.close();
  }
}
