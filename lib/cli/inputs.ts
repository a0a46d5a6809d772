import { statSync } from 'node:fs';
import path from 'node:path';
import { glob, isDynamicPattern } from 'tinyglobby';

import { EmotionError } from '../errors.js';

/** File endings that a folder is searched for. A file named outright is read whatever it is called. */
const AUDIO = [
  'wav',
  'wave',
  'mp3',
  'flac',
  'ogg',
  'oga',
  'opus',
  'm4a',
  'mp4',
  'aac',
  'webm',
  'aiff',
  'aif',
  'caf',
  'amr',
  'wma',
];

export interface ExpandedInputs {
  files: string[];
  /** Arguments that name nothing. */
  failures: { input: string; error: EmotionError }[];
}

/** Arguments of the command line -> files: folders are searched to the bottom, patterns are matched, order is kept. */
export async function expandInputs(inputs: readonly string[]): Promise<ExpandedInputs> {
  const files = new Set<string>();
  const failures: ExpandedInputs['failures'] = [];
  for (const input of inputs) {
    const kind = kindOf(input);
    if (kind === 'folder') {
      const found = await search([`**/*.{${AUDIO.join(',')}}`], input);
      for (const file of found) files.add(path.join(input, file));
      if (found.length === 0) failures.push({ input, error: nothing(`The folder ${input} holds no audio files`) });
    } else if (kind === 'nothing' && isDynamicPattern(input)) {
      const found = await search([input], process.cwd());
      for (const file of found) files.add(file);
      if (found.length === 0) failures.push({ input, error: nothing(`The pattern ${input} matches no file`) });
    } else if (kind === 'nothing') {
      failures.push({ input, error: nothing(`There is no file ${input === '' ? '""' : input}`) });
    } else {
      files.add(input);
    }
  }
  return { files: [...files], failures };
}

/** What cannot be looked at counts as a file: who opens it tells why. */
function kindOf(input: string): 'file' | 'folder' | 'nothing' {
  try {
    return statSync(input).isDirectory() ? 'folder' : 'file';
  } catch (error) {
    return ['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '') ? 'nothing' : 'file';
  }
}

async function search(patterns: string[], cwd: string): Promise<string[]> {
  return (await glob(patterns, { cwd, caseSensitiveMatch: false })).sort();
}

function nothing(what: string): EmotionError {
  return new EmotionError('ERR_FILE_NOT_FOUND', what);
}
