import { constants } from 'node:fs';
import { access, mkdir } from 'node:fs/promises';

import { EmotionError, messageOf } from '../shared/errors.js';
import { shown } from '../shared/text.js';

/**
 * Makes the folder that results go to, where it is not there yet.
 * @throws EmotionError ERR_FILE_WRITE where nothing can be kept there
 */
export async function makeFolder(folder: string): Promise<void> {
  try {
    await mkdir(folder, { recursive: true });
    await access(folder, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (cause) {
    const isFile = (cause as NodeJS.ErrnoException).code === 'EEXIST';
    const why = isFile ? 'it is a file' : messageOf(cause);
    throw new EmotionError('ERR_FILE_WRITE', `Results cannot be kept in ${shown(folder)}: ${why}`, { cause });
  }
}
