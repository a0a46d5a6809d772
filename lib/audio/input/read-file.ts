import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';

import { explainFileError, explainTooLarge } from '../../shared/file-error.js';
import type { Problem } from '../../shared/errors.js';
import { Failure } from '../decode-errors.js';
import { pathOfUrl } from './file-url.js';

/** Bytes that one call of the system reads. */
const MOST = 2 ** 30;
/** Bytes at first of a file whose size is not known before its end: those of /proc say 0. */
const UNSIZED = 2 ** 16;

/**
 * The bytes of a regular file, in memory that holds nothing else. What it grows by in the meantime is left out.
 * @param file a path, or the `file:` URL of one that is not UTF-8
 * @param name of it, in errors
 * @throws Failure ERR_FILE_NOT_FOUND, ERR_FILE_READ, ERR_AUDIO_TOO_LONG, ERR_OUT_OF_MEMORY
 */
export function readFile(file: string, name: string, maxBytes = Infinity): Uint8Array {
  let fd: number | undefined;
  try {
    // Without waiting: it may have become a pipe since it was looked at.
    fd = openSync(
      file.startsWith('file://') ? pathOfUrl({ href: file }) : file,
      constants.O_RDONLY | constants.O_NONBLOCK,
    );
    const stats = fstatSync(fd);
    if (!stats.isFile() && !stats.isDirectory()) throw failure(explainNoFile(stats, name));
    if (stats.size > maxBytes) throw failure(explainTooLarge(name, stats.size, maxBytes));
    return stats.size > 0 ? readSized(fd, stats.size) : readToEnd(fd, name, maxBytes);
  } catch (error) {
    if (error instanceof Failure) throw error;
    if (error instanceof RangeError) {
      throw new Failure('ERR_OUT_OF_MEMORY', `${name} is larger than the memory that is free for it`, error);
    }
    throw failure(explainFileError(error, name), error);
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

/** What is wrong with a path that is neither file nor folder. */
export function explainNoFile(stats: { isSocket(): boolean; isFIFO(): boolean }, name: string): Problem {
  const what = stats.isSocket() ? 'a socket' : stats.isFIFO() ? 'a pipe' : 'a device';
  return {
    code: 'ERR_FILE_READ',
    what: `${name} cannot be read: it is ${what}`,
    remedy: 'Give a file, or pipe its bytes.',
  };
}

function readSized(fd: number, size: number): Uint8Array {
  const bytes = new Uint8Array(size);
  let at = 0;
  while (at < size) {
    const count = readSync(fd, bytes, at, Math.min(MOST, size - at), null);
    if (count === 0) return bytes.slice(0, at); // it has shrunk
    at += count;
  }
  return bytes;
}

function readToEnd(fd: number, name: string, maxBytes: number): Uint8Array {
  let bytes = new Uint8Array(UNSIZED);
  for (let at = 0; ;) {
    const count = readSync(fd, bytes, at, bytes.length - at, null);
    at += count;
    if (at > maxBytes) throw failure(explainTooLarge(name, undefined, maxBytes));
    if (count === 0) return bytes.slice(0, at);
    if (at < bytes.length) continue;
    const more = new Uint8Array(2 * bytes.length);
    more.set(bytes);
    bytes = more;
  }
}

function failure({ code, what, remedy }: Problem, cause?: unknown): Failure {
  return new Failure(code, what, cause, remedy);
}
