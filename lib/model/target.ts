import { access, constants, stat } from 'node:fs/promises';
import path from 'node:path';

import { EmotionError, messageOf } from '../shared/errors.js';
import { shown } from '../shared/text.js';

/**
 * Checks that an archive can be written, before gigabytes are read.
 * @throws EmotionError ERR_FILE_WRITE, also if `out` is `source` itself
 */
export async function checkTarget(out: string, source: string): Promise<void> {
  const folder = path.dirname(path.resolve(out));
  try {
    await access(folder, constants.W_OK);
  } catch (cause) {
    throw new EmotionError('ERR_FILE_WRITE', `${shown(out)} cannot be written (${messageOf(cause)})`, { cause });
  }
  const [target, origin] = await Promise.all([stat(out).catch(() => undefined), stat(source)]);
  if (target?.isFile() === false) {
    const what = target.isDirectory() ? 'is a folder' : 'is not a regular file';
    throw new EmotionError('ERR_FILE_WRITE', `${shown(out)} ${what}`, { remedy: 'Use the path of a file.' });
  }
  if (target !== undefined && target.ino === origin.ino && target.dev === origin.dev) {
    throw new EmotionError('ERR_FILE_WRITE', `The output ${shown(out)} is the same file as the source`, {
      remedy: 'Use the path of another file.',
    });
  }
}
