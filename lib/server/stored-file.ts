import { constants } from 'node:fs';
import { type FileHandle, lstat, open } from 'node:fs/promises';
import path from 'node:path';

import { isShortOfFiles } from './errors.js';

/** A stored file that is not what was stored. */
export class Rubbish extends Error {
  constructor(file: string, why: string, options?: ErrorOptions) {
    super(`${path.basename(path.dirname(file))}/${path.basename(file)} ${why}`, options);
    this.name = 'Rubbish';
  }
}

/**
 * Opens a file of the output folder, in which others may have put anything: neither a link out of it nor a pipe that never ends
 * is followed.
 * @returns undefined where there is none
 * @throws Rubbish for what is no regular file, or cannot be read
 */
export async function openStored(file: string): Promise<{ handle: FileHandle; bytes: number } | undefined> {
  let handle: FileHandle | undefined;
  try {
    if (!(await lstat(path.dirname(file))).isDirectory()) throw new Rubbish(file, 'is in no folder of this server');
    handle = await open(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    const stats = await handle.stat();
    if (!stats.isFile()) throw new Rubbish(file, 'is no regular file');
    return { handle, bytes: stats.size };
  } catch (error) {
    await handle?.close();
    return failed(file, error);
  }
}

/** @throws Rubbish where it cannot be read; the error itself where that may pass */
function failed(file: string, error: unknown): undefined {
  const { code } = error as NodeJS.ErrnoException;
  if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
  if (error instanceof Rubbish || isShortOfFiles(error)) throw error;
  throw new Rubbish(file, `cannot be read (${code})`, { cause: error });
}

/** Changes when the file does; undefined where there is none. */
export async function versionOf(file: string): Promise<string | undefined> {
  try {
    const { ino, size, mtimeMs } = await lstat(file);
    return `${ino} ${size} ${mtimeMs}`;
  } catch (error) {
    return failed(file, error);
  }
}

/**
 * The JSON of such a file.
 * @returns undefined where there is none
 * @throws Rubbish for what is no JSON, or too large to be what was stored
 */
export async function readStoredJson(file: string, mostBytes: number): Promise<unknown> {
  const stored = await openStored(file);
  if (stored === undefined) return undefined;
  const { handle, bytes } = stored;
  try {
    if (bytes > mostBytes) throw new Rubbish(file, `is too large (${bytes} bytes)`);
    return JSON.parse(await handle.readFile('utf8')) as unknown;
  } catch (error) {
    if (error instanceof SyntaxError) throw new Rubbish(file, 'is not JSON', { cause: error });
    return failed(file, error);
  } finally {
    await handle.close();
  }
}

/** The first bytes of such a file; undefined where there is none, or it has not so many. */
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
