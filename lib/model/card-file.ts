import { text } from 'node:stream/consumers';
import yauzl, { type Entry } from 'yauzl';

import { EmotionError, messageOf } from '../errors.js';
import { CARD_FILE, type ModelCard, parseCard } from './card.js';
import { shown } from '../text.js';

/** The extra file with the model card in words, where an archive has one. */
const WORDS_FILE = 'README.md';

/**
 * The card of an archive, read without libtorch and without its weights.
 * @throws EmotionError ERR_MODEL_LOAD
 */
export async function readCard(archive: string): Promise<ModelCard> {
  const found = await readExtraFile(archive, CARD_FILE);
  if (found === undefined)
    throw new EmotionError('ERR_MODEL_LOAD', `${shown(archive)} is not an emotion model: it holds no ${CARD_FILE}`);
  return parseCard(found, archive);
}

/**
 * What the makers of an archive say of it, in Markdown: data, accuracy, limits. Undefined where they say nothing.
 * @throws EmotionError ERR_MODEL_LOAD
 */
export async function readWords(archive: string): Promise<string | undefined> {
  return readExtraFile(archive, WORDS_FILE);
}

async function readExtraFile(archive: string, name: string): Promise<string | undefined> {
  try {
    const zip = await yauzl.openPromise(archive);
    try {
      for await (const entry of zip.eachEntry() as AsyncIterable<Entry>) {
        if (entry.fileName.endsWith(`/extra/${name}`)) return await text(await zip.openReadStreamPromise(entry));
      }
    } finally {
      zip.close();
    }
  } catch (cause) {
    throw new EmotionError('ERR_MODEL_LOAD', `${shown(archive)} cannot be read: ${shown(messageOf(cause))}`, { cause });
  }
  return undefined;
}
