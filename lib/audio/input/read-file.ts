import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';

import { EmotionError, type Problem } from '../../shared/errors.js';
import { explainTooLarge, fileError } from '../../shared/file-error.js';
import { pathOfUrl } from './file-url.js';

/** Maximum number of bytes per system call. */
const MAX_READ = 2 ** 30;
/** Initial buffer size for files whose size is unknown until their end, such as those of /proc, which report 0. */
const UNKNOWN_SIZE = 2 ** 16;

/**
 * Reads a regular file into memory of its own. Bytes that are appended during the call are ignored.
 * @param file a path, or the `file:` URL of a path that is not UTF-8
 * @param name the file's name in error messages
 * @throws EmotionError ERR_FILE_NOT_FOUND, ERR_FILE_READ, ERR_AUDIO_TOO_LONG, ERR_OUT_OF_MEMORY
 */
export function readFile(file: string, name: string, maxBytes = Infinity): Uint8Array {
  let fd: number | undefined;
  try {
    // Non-blocking, because the file may have been replaced by a pipe after it was checked.
    fd = openSync(
      file.startsWith('file://') ? pathOfUrl({ href: file }) : file,
      constants.O_RDONLY | constants.O_NONBLOCK,
    );
    const stats = fstatSync(fd);
    if (!stats.isFile() && !stats.isDirectory()) throw EmotionError.from(explainNoFile(stats, name));
    if (stats.size > maxBytes) throw EmotionError.from(explainTooLarge(name, stats.size, maxBytes));
    return stats.size > 0 ? readSized(fd, stats.size) : readToEnd(fd, name, maxBytes);
  } catch (error) {
    if (error instanceof EmotionError) throw error;
    if (error instanceof RangeError) {
      throw new EmotionError('ERR_OUT_OF_MEMORY', `${name} is larger than the available memory`, { cause: error });
    }
    throw fileError(error, name);
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

/** Returns the problem of a path that is neither a file nor a folder. */
export function explainNoFile(stats: { isSocket(): boolean; isFIFO(): boolean }, name: string): Problem {
  const what = stats.isSocket() ? 'a socket' : stats.isFIFO() ? 'a pipe' : 'a device';
  return {
    code: 'ERR_FILE_READ',
    what: `${name} cannot be read: it is ${what}`,
    remedy: 'Use a regular file, or pipe its bytes.',
  };
}

function readSized(fd: number, size: number): Uint8Array {
  const bytes = new Uint8Array(size);
  let at = 0;
  while (at < size) {
    const count = readSync(fd, bytes, at, Math.min(MAX_READ, size - at), null);
    if (count === 0) return bytes.slice(0, at); // the file was truncated
    at += count;
  }
  return bytes;
}

function readToEnd(fd: number, name: string, maxBytes: number): Uint8Array {
  let bytes = new Uint8Array(UNKNOWN_SIZE);
  for (let at = 0; ;) {
    const count = readSync(fd, bytes, at, bytes.length - at, null);
    at += count;
    if (at > maxBytes) throw EmotionError.from(explainTooLarge(name, undefined, maxBytes));
    if (count === 0) return bytes.slice(0, at);
    if (at < bytes.length) continue;
    const more = new Uint8Array(2 * bytes.length);
    more.set(bytes);
    bytes = more;
  }
}
