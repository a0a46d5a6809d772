import { access, constants, stat } from 'node:fs/promises';
import path from 'node:path';

import { EmotionError, messageOf } from '../shared/errors.js';
import { shown } from '../shared/text.js';

/**
 * Whether an archive can be written, asked before gigabytes are read.
 * @throws EmotionError ERR_FILE_WRITE, also where `out` is `source` itself
 */
export async function checkTarget(out: string, source: string): Promise<void> {
  const folder = path.dirname(path.resolve(out));
  try {
    await access(folder, constants.W_OK);
  } catch (cause) {
    throw new EmotionError('ERR_FILE_WRITE', `${shown(out)} could not be written (${messageOf(cause)})`, { cause });
  }
  const [target, origin] = await Promise.all([stat(out).catch(() => undefined), stat(source)]);
  if (target?.isFile() === false) {
    const what = target.isDirectory() ? 'a folder' : 'no file';
    throw new EmotionError('ERR_FILE_WRITE', `${shown(out)} is ${what}`, { remedy: 'Name a file.' });
  }
  if (target !== undefined && target.ino === origin.ino && target.dev === origin.dev) {
    throw new EmotionError('ERR_FILE_WRITE', `${shown(out)} is ${shown(source)} itself`, {
      remedy: 'Name another file.',
    });
  }
}
