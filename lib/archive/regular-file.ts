import { constants } from 'node:fs';
import { type FileHandle, open, stat } from 'node:fs/promises';

/** Thrown where a path names a folder, a pipe, a socket or a device. */
export class NotRegular extends Error {}

/**
 * Opens a regular file for reading, links followed. A pipe or a device is refused without waiting for whoever would write it.
 * @throws NotRegular, and what the file system throws
 */
export async function openRegular(path: string): Promise<{ file: FileHandle; size: number }> {
  if (!(await stat(path)).isFile()) throw new NotRegular('it is not a regular file');
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK); // it may be a pipe by now
  try {
    const info = await file.stat();
    if (!info.isFile()) throw new NotRegular('it is not a regular file');
    return { file, size: info.size };
  } catch (error) {
    await file.close();
    throw error;
  }
}

/** Reads until `bytes` are read or the file ends, into the beginning of `buffer`. @returns how many bytes there were */
export async function readUpTo(file: FileHandle, start: number, buffer: Uint8Array, bytes: number): Promise<number> {
  let done = 0;
  while (done < bytes) {
    const { bytesRead } = await file.read(buffer, done, bytes - done, start + done);
    if (bytesRead === 0) break;
    done += bytesRead;
  }
  return done;
}
