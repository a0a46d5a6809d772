import { mkdir, open, readdir, rename, rm, rmdir, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';

import { encodeNpy } from '../audio/write/npy.js';
import type { Pcm } from '../audio/pcm.js';
import { wavHeader } from '../audio/write/wav-header.js';
import type { RecognitionResult } from '../recognition/result.js';
import { partOf, removeLeftovers, whileWriting } from '../shared/whole-file.js';

/** The files of a clip's folder. A folder without the first is none: it is what a killed process left. */
export const CLIP_FILES = {
  result: 'result.json',
  embedding: 'embedding.npy',
  processedAudio: 'processed_audio.wav',
} as const;

type Writer = readonly [name: string, write: (file: string) => Promise<void>];

/** What belongs into the folder of a clip: `json` as result.json, and what the result has of the others. */
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
 * Writes what was found of a clip into a folder, which appears when it is whole. In one that is there, the clip's files are
 * replaced and whatever else lies in it stays.
 * @throws what the file system throws; nothing was changed then
 */
export async function writeClipFolder(
  folder: string,
  result: RecognitionResult,
  json: Record<string, unknown>,
): Promise<void> {
  const there = await isFolder(folder);
  const part = partOf(there ? path.join(folder, CLIP_FILES.result) : folder);
  await whileWriting(part, async () => {
    await writeAll(part, result, json);
    if (there || !(await appears(part, folder))) await replace(folder, part);
  });
}

/**
 * The same as a new folder.
 * @param part where it is until it is whole, in the same file system
 * @throws what the file system throws; nothing stays then
 */
export async function createClipFolder(
  folder: string,
  part: string,
  result: RecognitionResult,
  json: Record<string, unknown>,
): Promise<void> {
  await whileWriting(part, async () => {
    await writeAll(part, result, json);
    await rename(part, folder);
  });
}

/** Removes a folder that a killed process left without a result, unless something else lies in it. */
export async function removeUnfinished(folder: string): Promise<void> {
  const files = Object.values(CLIP_FILES);
  const names = await readdir(folder).catch((): string[] => [CLIP_FILES.result]);
  if (names.includes(CLIP_FILES.result)) return;
  await removeLeftovers(folder, files);
  for (const name of files) await rm(path.join(folder, name), { force: true });
  await rmdir(folder).catch(() => undefined); // it may hold something else
}

async function writeAll(part: string, result: RecognitionResult, json: Record<string, unknown>): Promise<void> {
  await mkdir(part, { recursive: true }); // the folder it is in may have been tidied away
  // Side by side: a file system answers in a moment, and each answer comes by way of another thread.
  const writing = writersOf(result, json).map(([name, write]) => write(path.join(part, name)));
  await Promise.allSettled(writing); // when one fails, the others are not to write into what is removed
  await Promise.all(writing);
}

/** False where another process has made the folder meanwhile. */
async function appears(part: string, folder: string): Promise<boolean> {
  try {
    await rename(part, folder);
    return true;
  } catch (error) {
    if (await isFolder(folder)) return false;
    throw error;
  }
}

/** Moves the files of `part` into the folder. From the first step to the last, a moment later, the folder has no result. */
async function replace(folder: string, part: string): Promise<void> {
  const written = new Set(await readdir(part));
  const { result, ...others } = CLIP_FILES;
  await removeLeftovers(folder, Object.values(CLIP_FILES));
  await rm(path.join(folder, result), { force: true });
  for (const name of Object.values(others)) {
    if (written.has(name)) await rename(path.join(part, name), path.join(folder, name));
    else await rm(path.join(folder, name), { force: true }); // of an earlier run: the new result has none
  }
  await rename(path.join(part, result), path.join(folder, result));
}

async function isFolder(file: string): Promise<boolean> {
  return (await stat(file).catch(() => undefined))?.isDirectory() ?? false;
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
