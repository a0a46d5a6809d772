import { constants } from 'node:fs';
import { type FileHandle, open, stat } from 'node:fs/promises';

/** Thrown if a path names a folder, a pipe, a socket or a device. */
export class NotRegular extends Error {
  constructor() {
    super('it is not a regular file');
  }
}

/**
 * Opens a regular file for reading. Symbolic links are followed. A pipe or a device is refused at once, without waiting for
 * another program to write to it.
 * @throws NotRegular; the error of the file system if the file cannot be opened
 */
export async function openRegular(path: string): Promise<{ file: FileHandle; size: number }> {
  if (!(await stat(path)).isFile()) throw new NotRegular();
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK); // it may have become a pipe in the meantime
  try {
    const info = await file.stat();
    if (!info.isFile()) throw new NotRegular();
    return { file, size: info.size };
  } catch (error) {
    await file.close();
    throw error;
  }
}

/**
 * Reads `bytes` bytes of a file into the beginning of `buffer`, or fewer if the file ends earlier.
 * @returns the number of bytes that were read
 */
export async function readUpTo(file: FileHandle, start: number, buffer: Uint8Array, bytes: number): Promise<number> {
  let done = 0;
  while (done < bytes) {
    const { bytesRead } = await file.read(buffer, done, bytes - done, start + done);
    if (bytesRead === 0) break;
    done += bytesRead;
  }
  return done;
}
