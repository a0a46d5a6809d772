import { mkdir, open, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';

import { encodeNpy } from '../audio/npy.js';
import type { Pcm } from '../audio/pcm.js';
import { wavHeader } from '../audio/wav-header.js';
import type { RecognitionResult } from '../result.js';
import { writeWhole } from '../whole-file.js';

/** The files of a clip's folder. */
export const CLIP_FILES = {
  result: 'result.json',
  embedding: 'embedding.npy',
  processedAudio: 'processed_audio.wav',
} as const;

type Writer = readonly [name: string, write: (file: string) => Promise<void>];

/** What belongs into the folder of a clip: `json` as result.json, last, and what the result has of the others. */
function writersOf(
  { embedding, embeddingShape, processedAudio }: RecognitionResult,
  json: Record<string, unknown>,
): Writer[] {
  const writers: Writer[] = [];
  if (processedAudio) writers.push([CLIP_FILES.processedAudio, (file) => writeWav(file, processedAudio)]);
  if (embedding) {
    writers.push([CLIP_FILES.embedding, (file) => writeFile(file, encodeNpy(embedding, embeddingShape ?? []))]);
  }
  writers.push([CLIP_FILES.result, (file) => writeFile(file, `${JSON.stringify(json, null, 2)}\n`)]);
  return writers;
}

/**
 * Writes what was found of a clip into a folder that may be there already. Files appear under their names when they are whole,
 * result.json last: a folder that has one is whole.
 * @throws what the file system throws
 */
export async function writeClipFolder(
  folder: string,
  result: RecognitionResult,
  json: Record<string, unknown>,
): Promise<void> {
  await mkdir(folder, { recursive: true });
  for (const [name, write] of writersOf(result, json)) {
    await writeWhole(path.join(folder, name), write);
  }
}

/**
 * The same as a new folder, which appears under its name when it is whole.
 * @param part where it is until then, in the same file system
 * @throws what the file system throws; nothing stays then
 */
export async function createClipFolder(
  folder: string,
  part: string,
  result: RecognitionResult,
  json: Record<string, unknown>,
): Promise<void> {
  try {
    await mkdir(part, { recursive: true }); // the folder it is in may have been tidied away
    // Side by side: a file system answers in a moment, and each answer comes by way of another thread.
    await Promise.all(writersOf(result, json).map(([name, write]) => write(path.join(part, name))));
    await rename(part, folder);
  } catch (error) {
    await rm(part, { recursive: true, force: true });
    throw error;
  }
}

/** Header and samples as they lie in memory: no copy of an hour of them, nor of those of a hundred clips a second. */
async function writeWav(file: string, { samples, sampleRate }: Pcm): Promise<void> {
  const header = wavHeader(samples.length, sampleRate);
  const body = new Uint8Array(samples.buffer, samples.byteOffset, samples.byteLength);
  const handle = await open(file, 'w');
  try {
    const { bytesWritten } = await handle.writev([header, body]);
    // Linux writes up to 2 GB at once, and less where the disk is full: the rest goes on from there, or throws.
    const rest = bytesWritten - header.length;
    if (rest < body.length) await handle.writeFile(body.subarray(Math.max(0, rest)));
  } finally {
    await handle.close();
  }
}
