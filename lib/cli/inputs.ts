import { fstatSync, statSync } from 'node:fs';
import path from 'node:path';
import picomatch from 'picomatch';
import { isatty } from 'node:tty';

import { hasAudioExtension } from '../audio/input/extensions.js';
import { pathOfUrl, urlOfPath } from '../audio/input/file-url.js';
import { refuseUrl } from '../audio/input/take-input.js';
import type { AudioInput } from '../audio/pcm.js';
import { EmotionError } from '../shared/errors.js';
import { fileError } from '../shared/file-error.js';
import { shown } from '../shared/text.js';
import { bytesOfName, isUtf8, nameOfBytes, namesOfArguments, pathOfName } from './file-names.js';
import { walk } from './walk.js';

/** What standard input is called, in the command line and in what is printed. */
const STDIN = { argument: '-', name: 'stdin' };

export interface ExpandedInputs {
  /** Paths. One that is not UTF-8 is a `file:` URL, and may be given as such again. */
  files: string[];
  /** Arguments that name nothing, and folders that cannot be looked into. */
  failures: { input: string; error: EmotionError }[];
}

export interface ExpandOptions {
  /** Whether `-` may be given for standard input, which then is among the files as `stdin`. Default false. */
  stdin?: boolean;
}

/**
 * Arguments of the command line -> files: folders are searched to the bottom for audio endings, hidden ones and hidden files left
 * out; patterns are matched, and what they match is taken as if it was given; order is kept, and nothing is there twice.
 */
export async function expandInputs(
  inputs: readonly string[],
  { stdin = false }: ExpandOptions = {},
): Promise<ExpandedInputs> {
  const files = new Set<string>();
  const failures: ExpandedInputs['failures'] = [];
  const fail = (input: string, error: EmotionError): void => void failures.push({ input: titleOf(input), error });
  const onError = (folder: string, error: unknown): void => fail(folder, fileError(error, shown(titleOf(folder))));

  const addFolder = async (folder: string): Promise<void> => {
    const before = failures.length;
    const found = await walk(folder, { depth: Infinity, hidden: false, onError });
    const recordings = found.filter(({ name, folder: isFolder }) => !isFolder && hasAudioExtension(name));
    for (const { name } of recordings) files.add(titleOf(path.join(folder, name)));
    if (recordings.length > 0 || failures.length > before) return;
    fail(folder, nothing(`The folder ${shown(titleOf(folder))} holds no audio files`));
  };
  const addPattern = async (pattern: string): Promise<void> => {
    const before = failures.length;
    const found = await matching(pattern, onError);
    for (const { name, folder } of found) {
      if (folder) await addFolder(name);
      else files.add(titleOf(name));
    }
    if (found.length === 0 && failures.length === before) {
      fail(pattern, nothing(`The pattern ${shown(titleOf(pattern))} matches no file`));
    }
  };

  for (const given of namesOfArguments(inputs)) {
    if (given === STDIN.argument) {
      const error = stdinError(stdin);
      if (error === undefined) files.add(STDIN.name);
      else fail(given, error);
      continue;
    }
    try {
      const input = pathOfArgument(given);
      const kind = kindOf(input);
      if (kind === 'folder') await addFolder(input);
      else if (kind === 'file') files.add(titleOf(input));
      else if (picomatch.scan(input).isGlob) await addPattern(input);
      else fail(given, nothing(`There is no file ${input === '' ? '""' : shown(titleOf(input))}`));
    } catch (error) {
      if (!(error instanceof EmotionError)) throw error;
      fail(given, error);
    }
  }
  return { files: [...files], failures };
}

/** What `recognize` takes for one of `files`. */
export function sourceOf(file: string): AudioInput {
  if (file === STDIN.name) return process.stdin;
  return file.startsWith('file://') ? new URL(file) : file;
}

/** A path as it is printed: reversible, and text of UTF-8 whatever its bytes are. */
function titleOf(name: string): string {
  if (name === STDIN.name || name.startsWith('file://')) return `./${name}`; // files called like what is none
  return isUtf8(name) ? name : urlOfPath(bytesOfName(path.resolve(name)));
}

/** @throws EmotionError for a URL of no file */
function pathOfArgument(given: string): string {
  if (!/^[a-z][a-z\d+.-]*:\/\//i.test(given) || kindOf(given) !== 'nothing') return given;
  if (!/^file:/i.test(given)) throw refuseUrl(given);
  if (!URL.canParse(given)) return given;
  const found = pathOfUrl({ href: given });
  return typeof found === 'string' ? found : nameOfBytes(found);
}

function stdinError(allowed: boolean): EmotionError | undefined {
  if (!allowed) {
    return new EmotionError('ERR_FILE_READ', 'Standard input (-) is not read by this command', {
      remedy: 'Give files, folders or patterns.',
    });
  }
  if (fstatSync(0).isDirectory()) return new EmotionError('ERR_FILE_READ', 'Standard input (-) is a folder');
  if (!isatty(0)) return undefined;
  return new EmotionError('ERR_FILE_READ', 'Standard input (-) is a terminal', {
    remedy: 'Pipe a recording into it: cat a.wav | emotion2vec recognize -',
  });
}

/** What cannot be looked at counts as a file: who opens it tells why. */
function kindOf(input: string): 'file' | 'folder' | 'nothing' {
  if (input.includes('\0')) return 'nothing';
  try {
    return statSync(pathOfName(input)).isDirectory() ? 'folder' : 'file';
  } catch (error) {
    return ['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '') ? 'nothing' : 'file';
  }
}

/** Files and folders that a pattern matches, whatever the case of their letters. */
async function matching(pattern: string, onError: (folder: string, error: unknown) => void) {
  const { base, glob } = picomatch.scan(pattern, { unescape: true });
  const matches = picomatch(glob, { nocase: true, nonegate: true });
  const parts = glob.split('/').length - 1;
  const anyDepth = /\*\*|[({]/.test(glob); // braces and brackets may hold slashes
  const options = { depth: anyDepth ? Infinity : parts, hidden: /(^|[/{,(|])\\?\./.test(glob), onError };
  const found = await walk(base, options);
  return found.filter(({ name }) => matches(name)).map(({ name, folder }) => ({ name: path.join(base, name), folder }));
}

function nothing(what: string): EmotionError {
  return new EmotionError('ERR_FILE_NOT_FOUND', what);
}
