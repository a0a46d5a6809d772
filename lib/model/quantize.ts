import { stat } from 'node:fs/promises';

import { EmotionError } from '../errors.js';
import type { QuantizeOptions } from '../options.js';
import { type QuantizeReport, TorchModule } from '../torch.js';
import { CARD_FILE, parseCard } from './card.js';
import { checkTarget } from './target.js';
import { shown } from '../text.js';

/** What quantising an archive did; sizes of the files in bytes. */
export interface QuantizedArchive extends QuantizeReport {
  fileBefore: number;
  fileAfter: number;
}

/**
 * Writes an archive, any TorchScript module's, with smaller weights in its linear layers. `out` appears when it is whole.
 * @throws EmotionError ERR_FILE_NOT_FOUND, ERR_FILE_WRITE, ERR_QUANTIZE, ERR_PRECISION_UNSUPPORTED, and as TorchModule.load
 */
export async function quantizeArchive(
  source: string,
  out: string,
  { precision = 'int8' }: QuantizeOptions = {},
): Promise<QuantizedArchive> {
  const before = await stat(source).catch((cause: unknown) => {
    throw new EmotionError('ERR_FILE_NOT_FOUND', `There is no model at ${shown(source)}`, { cause });
  });
  await checkTarget(out, source);
  using module = await load(source);
  const text = module.extraFile(CARD_FILE);
  const card = text === null ? undefined : { ...parseCard(text, source), precision };
  const report = await module.quantize({ precision });
  await module.save(out, card && { extraFiles: { [CARD_FILE]: JSON.stringify(card) } });
  return { ...report, fileBefore: before.size, fileAfter: (await stat(out)).size };
}

/** As it is; what was quantised before must not come back as fp32. */
async function load(source: string): Promise<TorchModule> {
  try {
    return await TorchModule.load(source, { device: 'cpu', precision: 'fp32' });
  } catch (error) {
    if (!(error instanceof EmotionError) || error.code !== 'ERR_PRECISION_UNSUPPORTED') throw error;
    throw new EmotionError('ERR_QUANTIZE', `${shown(source)} is quantised already`, { cause: error });
  }
}
