import { constants } from 'node:fs';
import { access, mkdir } from 'node:fs/promises';

import { EmotionError, hasSystemCode, messageOf } from '../shared/errors.js';
import { shown } from '../shared/text.js';

/**
 * Creates the folder for results, unless it exists.
 * @throws EmotionError ERR_FILE_WRITE if nothing can be written there
 */
export async function makeFolder(folder: string): Promise<void> {
  try {
    await mkdir(folder, { recursive: true });
    await access(folder, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (cause) {
    const reason = hasSystemCode(cause, 'EEXIST') ? 'it is a file' : messageOf(cause);
    throw new EmotionError('ERR_FILE_WRITE', `Results cannot be kept in ${shown(folder)}: ${reason}`, { cause });
  }
}
