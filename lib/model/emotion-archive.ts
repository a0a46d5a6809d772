import { type Archive, openArchive } from '../archive/archive.js';
import { EmotionError } from '../shared/errors.js';
import { shown } from '../shared/text.js';
import { CARD_FILE, CONTRACT_REMEDY, type ModelCard, parseCard } from './card.js';

/** Name of the optional extra file that describes a model to readers. */
const DESCRIPTION_FILE = 'README.md';

/** An open archive of an emotion model. */
export interface EmotionArchive extends Archive {
  readonly card: ModelCard;
  /** Description of the model in Markdown (data, accuracy, limits), if it was requested and the archive has one. */
  readonly description: string | undefined;
}

/**
 * Opens the archive of an emotion model: reads its card without libtorch and without the weights.
 * @throws EmotionError as openArchive; ERR_MODEL_LOAD for an archive without a card
 */
export async function openEmotionArchive(
  file: string,
  { description = false }: { description?: boolean } = {},
): Promise<EmotionArchive> {
  const archive = await openArchive(file, description ? [CARD_FILE, DESCRIPTION_FILE] : [CARD_FILE]);
  const text = archive.extraFiles.get(CARD_FILE);
  if (text === undefined) {
    const what = `${shown(file)} is not an emotion model: it contains no ${CARD_FILE}`;
    throw new EmotionError('ERR_MODEL_LOAD', what, { remedy: CONTRACT_REMEDY });
  }
  return { ...archive, card: parseCard(text, file), description: archive.extraFiles.get(DESCRIPTION_FILE) };
}
