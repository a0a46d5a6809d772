import path from 'node:path';

import { EmotionError } from '../shared/errors.js';
import { shown } from '../shared/text.js';
import { kindByNames } from './file-kind.js';
import { type Refuse, ZipFile } from './zip-file.js';

/** What was read of a TorchScript archive when it was opened. The file does not stay open. */
export interface Archive {
  /** Absolute path. */
  readonly file: string;
  /** Size of the file. */
  readonly bytes: number;
  /** Contents of the requested extra files that the archive has, by name. */
  readonly extraFiles: ReadonlyMap<string, string>;
}

/** Maximum size of an extra file. A model card has a few thousand bytes, its description ten times as many. */
const MAX_EXTRA_BYTES = 4 * 2 ** 20;

/**
 * Opens a TorchScript archive: checks that the file is one, and reads its size and some of its extra files. Reads only the
 * directory of the zip file and a few kilobytes, however large the file is. This is the only place that decides whether a file is
 * a TorchScript archive. libtorch itself would report only that the file is not a zip file.
 * @param extraFiles names of the extra files to read; those that the archive lacks are ignored
 * @throws EmotionError ERR_FILE_NOT_FOUND, ERR_FILE_READ; ERR_MODEL_LOAD for a file of another kind, which the message names, and
 *   for a damaged archive
 */
export async function openArchive(file: string, extraFiles: readonly string[] = []): Promise<Archive> {
  const refuse = refuseModel(file);
  await using zip = await ZipFile.open(file, refuse);
  const kind = kindByNames(zip.members.keys());
  if (kind.kind !== 'torchscript') throw refuse(`it is ${kind.name}`, { kind });
  const texts = new Map<string, string>();
  for (const name of extraFiles) {
    const text = await readExtraFile(zip, name, refuse);
    if (text !== undefined) texts.set(name, text);
  }
  return { file: path.resolve(file), bytes: zip.bytes, extraFiles: texts };
}

/** Returns the function that creates the errors of an archive, with the code ERR_MODEL_LOAD. */
export function refuseModel(file: string): Refuse {
  return (why, { kind, ...options } = {}) => {
    if (kind === undefined) return new EmotionError('ERR_MODEL_LOAD', `${shown(file)} cannot be read: ${why}`, options);
    const what = `${shown(file)} is ${kind.name}, not a TorchScript archive`;
    return new EmotionError('ERR_MODEL_LOAD', what, { remedy: kind.remedy, ...options });
  };
}

async function readExtraFile(zip: ZipFile, name: string, refuse: Refuse): Promise<string | undefined> {
  const member = zip.members.get(`${zip.root}extra/${name}`);
  if (member === undefined) return undefined;
  const content = await zip.read(member, MAX_EXTRA_BYTES);
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(content);
  } catch (cause) {
    throw refuse(`its ${name} is not UTF-8 text`, { cause });
  }
}
