import { text } from 'node:stream/consumers';
import yauzl, { type Entry } from 'yauzl';

import { EmotionError, messageOf } from '../errors.js';
import { CARD_FILE, type ModelCard, parseCard } from './card.js';

/**
 * The card of an archive, read without libtorch and without its weights.
 * @throws EmotionError ERR_MODEL_LOAD
 */
export async function readCard(archive: string): Promise<ModelCard> {
  let found: string | undefined;
  try {
    const zip = await yauzl.openPromise(archive);
    try {
      for await (const entry of zip.eachEntry() as AsyncIterable<Entry>) {
        if (!entry.fileName.endsWith(`/extra/${CARD_FILE}`)) continue;
        found = await text(await zip.openReadStreamPromise(entry));
        break;
      }
    } finally {
      zip.close();
    }
  } catch (cause) {
    throw new EmotionError('ERR_MODEL_LOAD', `${archive} cannot be read: ${messageOf(cause)}`, { cause });
  }
  if (found === undefined) throw new EmotionError('ERR_MODEL_LOAD', `${archive} holds no ${CARD_FILE}`);
  return parseCard(found, archive);
}
