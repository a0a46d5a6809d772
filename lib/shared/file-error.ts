import { formatBytes } from './bytes.js';
import { EmotionError, messageOf, type Problem } from './errors.js';

interface Reason {
  why: string;
  remedy: string;
}

const PERMISSIONS = 'Check the permissions of the file and of the folders above it.';

/** What the file system's codes mean for somebody who wants a file read. */
const REASONS: Record<string, Reason> = {
  EACCES: { why: 'permission denied', remedy: PERMISSIONS },
  EPERM: { why: 'the operation is not permitted', remedy: PERMISSIONS },
  EMFILE: {
    why: 'this process has as many files open as it may',
    remedy: 'Raise the limit (`ulimit -n`), or work on fewer files at once.',
  },
  ENFILE: {
    why: 'this system has as many files open as it may',
    remedy: 'Close other programs, or raise the limit (`sysctl fs.file-max`).',
  },
  EIO: {
    why: 'input or output error',
    remedy: 'Check the disk, or the network, that the file is on (`dmesg` may say more).',
  },
  ELOOP: { why: 'its symbolic links lead in a circle', remedy: 'Mend the links, or give the file itself.' },
  ENAMETOOLONG: {
    why: 'the name is too long',
    remedy: 'Give the path of a file; what is not in a file goes in as bytes.',
  },
  EISDIR: { why: 'it is a folder', remedy: 'Give a file; on the command line, `recognize` searches folders.' },
  ENXIO: { why: 'it is a socket, or a device that is not there', remedy: 'Give a file, or pipe its bytes.' },
  ENODEV: { why: 'its device is not there', remedy: 'Connect or mount the device that the file is on.' },
  ESTALE: { why: 'the network drive does not know it any more', remedy: 'Mount the network drive again.' },
  EOVERFLOW: { why: 'it is larger than this system can read', remedy: 'Give a shorter recording.' },
  EFBIG: { why: 'it is larger than this system can read', remedy: 'Give a shorter recording.' },
  EAGAIN: { why: 'it is not ready', remedy: 'Try again.' },
  EBUSY: { why: 'another program has it', remedy: 'Close the program that has it open, or try again.' },
  ETIMEDOUT: { why: 'the network drive does not answer', remedy: 'Check the network, and mount the drive again.' },
};

/** @param name of the file, as messages show it */
export function explainFileError(error: unknown, name: string): Problem {
  const code = (error as NodeJS.ErrnoException | undefined)?.code ?? '';
  if (code === 'ENOENT') return { code: 'ERR_FILE_NOT_FOUND', what: `There is no file ${name}` };
  if (code === 'ENOTDIR') {
    return { code: 'ERR_FILE_NOT_FOUND', what: `There is no file ${name}: a part of the path is a file, not a folder` };
  }
  const known = REASONS[code];
  const why = known === undefined ? messageOf(error) : `${known.why} (${code})`;
  return { code: 'ERR_FILE_READ', what: `${name} cannot be read: ${why}`, ...(known && { remedy: known.remedy }) };
}

/**
 * An error that says that files could not be opened, since too many are, in whatever words: threads and modules that need files
 * fail by it too. Undefined for another error.
 */
export function shortageIn(error: unknown): NodeJS.ErrnoException | undefined {
  // Of a thread that did not start, and of Node 24's modules, the message alone says it.
  const found = /\b(?<code>EMFILE|ENFILE)\b|\btoo many open files(?<all> in system)?/i.exec(messageOf(error))?.groups;
  const code = found && (found.code ?? (found.all === undefined ? 'EMFILE' : 'ENFILE'));
  return code === undefined ? undefined : Object.assign(new Error(messageOf(error), { cause: error }), { code });
}

/** @param name of the file, as messages show it */
export function fileError(cause: unknown, name: string): EmotionError {
  return EmotionError.from(explainFileError(cause, name), cause);
}

/** @param size where it is known */
export function explainTooLarge(name: string, size: number | undefined, maxBytes: number): Problem {
  const more = `more than ${formatBytes(maxBytes)}`;
  return {
    code: 'ERR_AUDIO_TOO_LONG',
    what: size === undefined ? `${name} has ${more}` : `${name} has ${formatBytes(size)}, ${more}`,
    remedy: 'Give a shorter recording, or raise maxBytes.',
  };
}
