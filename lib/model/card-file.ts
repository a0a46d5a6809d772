import { openArchive, refuseModel } from '../archive/verify-archive.js';
import { EmotionError } from '../shared/errors.js';
import { brief } from '../archive/brief.js';
import { CARD_FILE, CONTRACT_REMEDY, type ModelCard, parseCard } from './card.js';

/** The extra file with the model card in words, where an archive has one. */
const WORDS_FILE = 'README.md';
/** Bytes of an extra file: a card has a few thousand, its words ten times as many. */
const MOST_EXTRA_BYTES = 4 * 2 ** 20;

/**
 * The card of an archive, read without libtorch and without its weights.
 * @throws EmotionError ERR_MODEL_LOAD
 */
export async function readCard(archive: string): Promise<ModelCard> {
  const found = await readExtraFile(archive, CARD_FILE);
  if (found === undefined) {
    const what = `${brief(archive)} is not an emotion model: it holds no ${CARD_FILE}`;
    throw new EmotionError('ERR_MODEL_LOAD', what, { remedy: CONTRACT_REMEDY });
  }
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
  await using zip = await openArchive(archive);
  const member = zip.members.get(`${zip.root}extra/${name}`);
  if (member === undefined) return undefined;
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(await zip.read(member, MOST_EXTRA_BYTES));
  } catch (cause) {
    if (cause instanceof EmotionError) throw cause;
    throw refuseModel(archive)(`its ${name} is not text in UTF-8`, { cause });
  }
}
