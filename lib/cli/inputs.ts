import { fstatSync, statSync } from 'node:fs';
import path from 'node:path';
import { isatty } from 'node:tty';
import picomatch from 'picomatch';

import { hasAudioExtension } from '../audio/input/extensions.js';
import { pathOfUrl, urlOfPath } from '../audio/input/file-url.js';
import { refuseUrl } from '../audio/input/take-input.js';
import type { AudioInput } from '../audio/pcm.js';
import { EmotionError, hasSystemCode } from '../shared/errors.js';
import { fileError } from '../shared/file-error.js';
import { shown } from '../shared/text.js';
import { bytesOfName, isUtf8, nameOfBytes, namesOfArguments, pathOfName } from './file-names.js';
import { walk } from './walk.js';

/** The names of standard input: on the command line, and in the output. */
const STDIN = { argument: '-', name: 'stdin' };

export interface ExpandedInputs {
  /** Paths. A path that is not UTF-8 becomes a `file:` URL, which is also accepted as an argument. */
  files: string[];
  /** Arguments that match nothing, and folders that cannot be read. */
  failures: { input: string; error: EmotionError }[];
}

export interface ExpandOptions {
  /** Whether `-` stands for standard input, which is then listed as `stdin`. Default false. */
  stdin?: boolean;
}

/**
 * Expands arguments of the command line to files. Folders are searched recursively for files with an audio extension; hidden
 * files and folders are skipped. Matches of a pattern are treated like arguments. The order is kept, and duplicates are
 * removed.
 */
export async function expandInputs(
  inputs: readonly string[],
  { stdin = false }: ExpandOptions = {},
): Promise<ExpandedInputs> {
  const files = new Set<string>();
  const failures: ExpandedInputs['failures'] = [];
  const fail = (input: string, error: EmotionError): void => void failures.push({ input: displayName(input), error });
  const onError = (folder: string, error: unknown): void => fail(folder, fileError(error, shown(displayName(folder))));

  const addFolder = async (folder: string): Promise<void> => {
    const before = failures.length;
    const found = await walk(folder, { depth: Infinity, hidden: false, onError });
    const recordings = found.filter(({ name, isFolder }) => !isFolder && hasAudioExtension(name));
    for (const { name } of recordings) files.add(displayName(path.join(folder, name)));
    if (recordings.length > 0 || failures.length > before) return;
    fail(folder, notFound(`The folder ${shown(displayName(folder))} contains no audio files`));
  };
  const addPattern = async (pattern: string): Promise<void> => {
    const before = failures.length;
    const found = await matching(pattern, onError);
    for (const { name, isFolder } of found) {
      if (isFolder) await addFolder(name);
      else files.add(displayName(name));
    }
    if (found.length === 0 && failures.length === before) {
      fail(pattern, notFound(`The pattern ${shown(displayName(pattern))} matches no file`));
    }
  };

  for (const argument of namesOfArguments(inputs)) {
    if (argument === STDIN.argument) {
      const error = stdinError(stdin);
      if (error === undefined) files.add(STDIN.name);
      else fail(argument, error);
      continue;
    }
    try {
      const input = pathOfArgument(argument);
      const kind = kindOf(input);
      if (kind === 'folder') await addFolder(input);
      else if (kind === 'file') files.add(displayName(input));
      else if (picomatch.scan(input).isGlob) await addPattern(input);
      else fail(argument, notFound(`There is no file ${input === '' ? '""' : shown(displayName(input))}`));
    } catch (error) {
      if (!(error instanceof EmotionError)) throw error;
      fail(argument, error);
    }
  }
  return { files: [...files], failures };
}

/** Returns the input of `recognize` for one of `files`. */
export function sourceOf(file: string): AudioInput {
  if (file === STDIN.name) return process.stdin;
  return file.startsWith('file://') ? new URL(file) : file;
}

/** Returns a path as it is printed: always valid UTF-8, and accepted as an argument again. */
function displayName(name: string): string {
  if (name === STDIN.name || name.startsWith('file://')) return `./${name}`; // files whose names look like something else
  return isUtf8(name) ? name : urlOfPath(bytesOfName(path.resolve(name)));
}

/** @throws EmotionError for a URL that is not a file: URL */
function pathOfArgument(argument: string): string {
  if (!/^[a-z][a-z\d+.-]*:\/\//i.test(argument) || kindOf(argument) !== 'nothing') return argument;
  if (!/^file:/i.test(argument)) throw refuseUrl(argument);
  if (!URL.canParse(argument)) return argument;
  const found = pathOfUrl({ href: argument });
  return typeof found === 'string' ? found : nameOfBytes(found);
}

function stdinError(allowed: boolean): EmotionError | undefined {
  if (!allowed) {
    return new EmotionError('ERR_FILE_READ', 'Standard input (-) is not read by this command', {
      remedy: 'Use files, folders or patterns.',
    });
  }
  if (fstatSync(0).isDirectory()) return new EmotionError('ERR_FILE_READ', 'Standard input (-) is a folder');
  if (!isatty(0)) return undefined;
  return new EmotionError('ERR_FILE_READ', 'Standard input (-) is a terminal', {
    remedy: 'Pipe a recording into it: cat a.wav | emotion2vec recognize -',
  });
}

/** A path that cannot be examined counts as a file, so that the attempt to open it reports why. */
function kindOf(input: string): 'file' | 'folder' | 'nothing' {
  if (input.includes('\0')) return 'nothing';
  try {
    return statSync(pathOfName(input)).isDirectory() ? 'folder' : 'file';
  } catch (error) {
    return hasSystemCode(error, 'ENOENT', 'ENOTDIR') ? 'nothing' : 'file';
  }
}

/** Lists the files and folders that a pattern matches, ignoring case. */
async function matching(pattern: string, onError: (folder: string, error: unknown) => void) {
  const { base, glob } = picomatch.scan(pattern, { unescape: true });
  const matches = picomatch(glob, { nocase: true, nonegate: true });
  const parts = glob.split('/').length - 1;
  const anyDepth = /\*\*|[({]/.test(glob); // braces and parentheses may contain slashes
  const options = { depth: anyDepth ? Infinity : parts, hidden: /(^|[/{,(|])\\?\./.test(glob), onError };
  const found = await walk(base, options);
  return found
    .filter(({ name }) => matches(name))
    .map(({ name, isFolder }) => ({ name: path.join(base, name), isFolder }));
}

function notFound(what: string): EmotionError {
  return new EmotionError('ERR_FILE_NOT_FOUND', what);
}
