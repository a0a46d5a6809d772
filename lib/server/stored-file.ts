import { constants } from 'node:fs';
import { type FileHandle, lstat, open } from 'node:fs/promises';
import path from 'node:path';

import { systemCode } from '../shared/errors.js';
import { isShortOfFiles } from './errors.js';

/** Thrown for a file of the output folder whose content does not match its name. */
export class InvalidFile extends Error {
  constructor(file: string, why: string, options?: ErrorOptions) {
    super(`${path.basename(path.dirname(file))}/${path.basename(file)} ${why}`, options);
    this.name = 'InvalidFile';
  }
}

/**
 * Opens a file of the output folder. Other programs may have put anything there, so links are not followed and pipes are not
 * read.
 * @returns undefined if there is no such file
 * @throws InvalidFile if it is not a regular file, or cannot be read
 */
export async function openStored(file: string): Promise<{ handle: FileHandle; bytes: number } | undefined> {
  let handle: FileHandle | undefined;
  try {
    if (!(await lstat(path.dirname(file))).isDirectory())
      throw new InvalidFile(file, 'is not in a folder of this server');
    handle = await open(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    const stats = await handle.stat();
    if (!stats.isFile()) throw new InvalidFile(file, 'is not a regular file');
    return { handle, bytes: stats.size };
  } catch (error) {
    await handle?.close();
    return failed(file, error);
  }
}

/** @throws InvalidFile if the file cannot be read; the error itself if its cause may be temporary */
function failed(file: string, error: unknown): undefined {
  const code = systemCode(error);
  if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
  if (error instanceof InvalidFile || isShortOfFiles(error)) throw error;
  throw new InvalidFile(file, `cannot be read (${code})`, { cause: error });
}

/** Returns a text that changes when the file does; undefined if there is no such file. */
export async function versionOf(file: string): Promise<string | undefined> {
  try {
    const { ino, size, mtimeMs } = await lstat(file);
    return `${ino} ${size} ${mtimeMs}`;
  } catch (error) {
    return failed(file, error);
  }
}

/**
 * Reads a JSON file of the output folder.
 * @returns undefined if there is no such file
 * @throws InvalidFile if it is not JSON, or larger than `maxBytes`
 */
export async function readStoredJson(file: string, maxBytes: number): Promise<unknown> {
  const stored = await openStored(file);
  if (stored === undefined) return undefined;
  const { handle, bytes } = stored;
  try {
    if (bytes > maxBytes) throw new InvalidFile(file, `is too large (${bytes} bytes)`);
    return JSON.parse(await handle.readFile('utf8')) as unknown;
  } catch (error) {
    if (error instanceof SyntaxError) throw new InvalidFile(file, 'is not JSON', { cause: error });
    return failed(file, error);
  } finally {
    await handle.close();
  }
}

/** Returns the first bytes of a file of the output folder; undefined if there is no such file, or it is shorter. */
export async function readStoredHead(file: string, bytes: number): Promise<Buffer | undefined> {
  const stored = await openStored(file);
  if (stored === undefined) return undefined;
  const { handle } = stored;
  try {
    const head = Buffer.alloc(bytes);
    const { bytesRead } = await handle.read(head, 0, bytes, 0);
    return bytesRead === bytes ? head : undefined;
  } catch (error) {
    return failed(file, error);
  } finally {
    await handle.close();
  }
}
