import { formatBytes } from './bytes.js';
import { EmotionError, messageOf, type Problem, systemCode } from './errors.js';

interface FileProblem {
  why: string;
  remedy: string;
}

const PERMISSIONS = 'Check the permissions of the file and of the folders above it.';

/** The meaning of operating system error codes when a file is read, and their remedies. */
const REASONS: Record<string, FileProblem> = {
  EACCES: { why: 'permission denied', remedy: PERMISSIONS },
  EPERM: { why: 'the operation is not permitted', remedy: PERMISSIONS },
  EMFILE: {
    why: 'this process has too many open files',
    remedy: 'Raise the limit (`ulimit -n`), or process fewer files at once.',
  },
  ENFILE: {
    why: 'this system has too many open files',
    remedy: 'Close other programs, or raise the limit (`sysctl fs.file-max`).',
  },
  EIO: {
    why: 'input or output error',
    remedy: 'Check the disk or the network drive that holds the file. `dmesg` may show more.',
  },
  ELOOP: { why: 'its symbolic links form a loop', remedy: 'Repair the links, or use the path of the file itself.' },
  ENAMETOOLONG: {
    why: 'the name is too long',
    remedy: 'Use the path of a file. Pass audio that is not in a file as bytes.',
  },
  EISDIR: { why: 'it is a folder', remedy: 'Use a file. On the command line, `recognize` accepts folders.' },
  ENXIO: { why: 'it is a socket, or a device that does not exist', remedy: 'Use a file, or pipe its bytes.' },
  ENODEV: { why: 'its device does not exist', remedy: 'Connect or mount the device that holds the file.' },
  ESTALE: { why: 'the network drive no longer has it', remedy: 'Mount the network drive again.' },
  EOVERFLOW: { why: 'it is larger than this system can read', remedy: 'Use a shorter recording.' },
  EFBIG: { why: 'it is larger than this system can read', remedy: 'Use a shorter recording.' },
  EAGAIN: { why: 'it is not ready', remedy: 'Try again.' },
  EBUSY: { why: 'another program uses it', remedy: 'Close the program that uses it, or try again.' },
  ETIMEDOUT: { why: 'the network drive does not respond', remedy: 'Check the network, and mount the drive again.' },
};

/**
 * Returns the problem of a file that could not be read.
 * @param name name of the file in the message
 */
export function explainFileError(error: unknown, name: string): Problem {
  const code = systemCode(error) ?? '';
  if (code === 'ENOENT') return { code: 'ERR_FILE_NOT_FOUND', what: `There is no file ${name}` };
  if (code === 'ENOTDIR') {
    return {
      code: 'ERR_FILE_NOT_FOUND',
      what: `There is no file ${name}, because a part of its path is a file and not a folder`,
    };
  }
  const known = REASONS[code];
  const why = known === undefined ? messageOf(error) : `${known.why} (${code})`;
  return { code: 'ERR_FILE_READ', what: `${name} cannot be read: ${why}`, ...(known && { remedy: known.remedy }) };
}

/**
 * Recognizes errors that were caused by too many open files, and returns them with the code of the operating system. Threads and
 * modules that could not open their files fail with other kinds of errors. Returns undefined for any other error.
 */
export function shortageIn(error: unknown): NodeJS.ErrnoException | undefined {
  // If a thread did not start, and for modules in Node 24, only the message contains the cause.
  const found = /\b(?<code>EMFILE|ENFILE)\b|\btoo many open files(?<all> in system)?/i.exec(messageOf(error))?.groups;
  const code = found && (found.code ?? (found.all === undefined ? 'EMFILE' : 'ENFILE'));
  return code === undefined ? undefined : Object.assign(new Error(messageOf(error), { cause: error }), { code });
}

/** @param name name of the file in the message */
export function fileError(cause: unknown, name: string): EmotionError {
  return EmotionError.from(explainFileError(cause, name), cause);
}

/** @param size in bytes; undefined if it is unknown */
export function explainTooLarge(name: string, size: number | undefined, maxBytes: number): Problem {
  const more = `more than ${formatBytes(maxBytes)}`;
  return {
    code: 'ERR_AUDIO_TOO_LONG',
    what: size === undefined ? `${name} has ${more}` : `${name} has ${formatBytes(size)}, ${more}`,
    remedy: 'Use a shorter recording, or raise maxBytes.',
  };
}
