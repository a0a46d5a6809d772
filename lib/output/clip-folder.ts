import { mkdir, open, readdir, rename, rm, rmdir, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';

import type { Pcm } from '../audio/pcm.js';
import { encodeNpy } from '../audio/write/npy.js';
import { wavHeader } from '../audio/write/wav-header.js';
import type { RecognitionResult } from '../recognition/result.js';
import { partOf, removeLeftovers, whileWriting } from '../shared/whole-file.js';

/** The files in the folder of a clip. A folder without `result` is incomplete, because its process was killed. */
export const CLIP_FILES = {
  result: 'result.json',
  embedding: 'embedding.npy',
  processedAudio: 'processed_audio.wav',
} as const;

type Writer = readonly [name: string, write: (file: string) => Promise<void>];

/** Returns the writers of the files: `json` becomes result.json, and the result decides which others are written. */
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
 * Writes the result of a clip to a folder, which appears when it is complete. If the folder exists, the files of the clip are
 * replaced and all other files stay.
 * @throws errors of node:fs; nothing has changed then
 */
export async function writeClipFolder(
  folder: string,
  result: RecognitionResult,
  json: Record<string, unknown>,
): Promise<void> {
  const exists = await isFolder(folder);
  const part = partOf(exists ? path.join(folder, CLIP_FILES.result) : folder);
  await whileWriting(part, async () => {
    await writeAll(part, result, json);
    if (exists || !(await renamed(part, folder))) await replaceFiles(folder, part);
  });
}

/**
 * Writes the result of a clip to a new folder.
 * @param part path of the folder until it is complete, in the same file system
 * @throws errors of node:fs; nothing is left then
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

/** Removes the files that a killed process left without a result, and the folder if it is empty then. */
export async function removeUnfinished(folder: string): Promise<void> {
  const files = Object.values(CLIP_FILES);
  const names = await readdir(folder).catch((): string[] => [CLIP_FILES.result]);
  if (names.includes(CLIP_FILES.result)) return;
  await removeLeftovers(folder, files);
  for (const name of files) await rm(path.join(folder, name), { force: true });
  await rmdir(folder).catch(() => undefined); // it may contain other files
}

async function writeAll(part: string, result: RecognitionResult, json: Record<string, unknown>): Promise<void> {
  await mkdir(part, { recursive: true }); // a cleanup may have removed the parent folder
  // In parallel, because each write is short and takes a round trip to another thread.
  const writing = writersOf(result, json).map(([name, write]) => write(path.join(part, name)));
  await Promise.allSettled(writing); // no write may continue while a failure removes the folder
  await Promise.all(writing);
}

/** Renames the folder to its final name. Returns false if another process has created that folder in the meantime. */
async function renamed(part: string, folder: string): Promise<boolean> {
  try {
    await rename(part, folder);
    return true;
  } catch (error) {
    if (await isFolder(folder)) return false;
    throw error;
  }
}

/** Moves the files of `part` to the folder. The folder has no result until the last file has been moved. */
async function replaceFiles(folder: string, part: string): Promise<void> {
  const written = new Set(await readdir(part));
  const { result, ...others } = CLIP_FILES;
  await removeLeftovers(folder, Object.values(CLIP_FILES));
  await rm(path.join(folder, result), { force: true });
  for (const name of Object.values(others)) {
    if (written.has(name)) await rename(path.join(part, name), path.join(folder, name));
    else await rm(path.join(folder, name), { force: true }); // from an earlier run; the new result has no such file
  }
  await rename(path.join(part, result), path.join(folder, result));
}

async function isFolder(file: string): Promise<boolean> {
  return (await stat(file).catch(() => undefined))?.isDirectory() ?? false;
}

/** Writes the header and the samples without copying them: a clip may last hours, and there may be 100 clips a second. */
async function writeWav(file: string, { samples, sampleRate }: Pcm): Promise<void> {
  const header = wavHeader(samples.length, sampleRate);
  const body = new Uint8Array(samples.buffer, samples.byteOffset, samples.byteLength);
  const handle = await open(file, 'w');
  try {
    const { bytesWritten } = await handle.writev([header, body]);
    // Linux writes at most 2 GB per call, and less if the disk is full. writeFile writes the rest, or throws.
    const rest = bytesWritten - header.length;
    if (rest < body.length) await handle.writeFile(body.subarray(Math.max(0, rest)));
  } finally {
    await handle.close();
  }
}
