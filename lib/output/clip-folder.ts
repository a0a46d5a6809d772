import { open, mkdir, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';

import { encodeNpy } from '../audio/npy.js';
import { type Pcm } from '../audio/pcm.js';
import { wavHeader } from '../audio/wav.js';
import type { RecognitionResult } from '../result.js';

/** The files of a clip's folder. */
export const CLIP_FILES = {
  result: 'result.json',
  embedding: 'embedding.npy',
  processedAudio: 'processed_audio.wav',
} as const;

/**
 * Writes what was found of a clip: processed_audio.wav and embedding.npy where the result has them, and `json` as result.json,
 * last, so that a folder that has one is whole. Files appear under their names when they are whole.
 * @throws what the file system throws
 */
export async function writeClipFolder(
  folder: string,
  { embedding, embeddingShape, processedAudio }: RecognitionResult,
  json: Record<string, unknown>,
): Promise<void> {
  await mkdir(folder, { recursive: true });
  if (processedAudio) {
    await whole(path.join(folder, CLIP_FILES.processedAudio), (part) => writeWav(part, processedAudio));
  }
  if (embedding) {
    const bytes = encodeNpy(embedding, embeddingShape ?? []);
    await whole(path.join(folder, CLIP_FILES.embedding), (part) => writeFile(part, bytes));
  }
  const text = `${JSON.stringify(json, null, 2)}\n`;
  await whole(path.join(folder, CLIP_FILES.result), (part) => writeFile(part, text));
}

/** Writes a file aside and renames it. */
async function whole(file: string, write: (part: string) => Promise<void>): Promise<void> {
  const part = `${file}.${process.pid}.part`;
  try {
    await write(part);
    await rename(part, file);
  } catch (error) {
    await rm(part, { force: true });
    throw error;
  }
}

/** Header and samples one after the other: an hour of them need not lie in memory twice. */
async function writeWav(file: string, { samples, sampleRate }: Pcm): Promise<void> {
  const handle = await open(file, 'w');
  try {
    await handle.writeFile(wavHeader(samples.length, sampleRate));
    await handle.writeFile(new Uint8Array(samples.buffer, samples.byteOffset, samples.byteLength));
  } finally {
    await handle.close();
  }
}
