import { stat } from 'node:fs/promises';

import { verifyArchive } from '../archive/verify-archive.js';
import { EmotionError, isOutOfMemory, messageOf } from '../shared/errors.js';
import type { QuantizeOptions } from '../options/types.js';
import { type QuantizeReport, TorchModule } from '../torch/torch-module.js';
import { CARD_FILE, parseCard } from './card.js';
import { EmotionModel } from './emotion-model.js';
import { checkTarget } from './target.js';
import { shown } from '../shared/text.js';
import { writeWhole } from '../shared/whole-file.js';

/** What quantising an archive did; sizes of the files in bytes. */
export interface QuantizedArchive extends QuantizeReport {
  fileBefore: number;
  fileAfter: number;
}

/**
 * Writes an archive, any TorchScript module's, with smaller weights in its linear layers. `out` appears when it is whole and has been
 * loaded again; an emotion model has also run, since what it takes is known.
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
  await verifyArchive(source); // libtorch compares no checksum
  let report: QuantizeReport | undefined;
  await writeWhole(out, async (part) => {
    const written = await write(source, part, precision);
    if (written.isEmotionModel) await checkRuns(part);
    report = written.report;
  });
  return { ...report!, fileBefore: before.size, fileAfter: (await stat(out)).size };
}

async function write(
  source: string,
  out: string,
  precision: NonNullable<QuantizeOptions['precision']>,
): Promise<{ report: QuantizeReport; isEmotionModel: boolean }> {
  using module = await load(source);
  const text = module.extraFile(CARD_FILE);
  const card = text === null ? undefined : { ...parseCard(text, source), precision };
  const report = await module.quantize({ precision });
  await module.save(out, card && { extraFiles: { [CARD_FILE]: JSON.stringify(card) } });
  return { report, isEmotionModel: card !== undefined };
}

/**
 * Runs an emotion model once, on a second of noise.
 * @throws EmotionError ERR_QUANTIZE, ERR_OUT_OF_MEMORY
 */
export async function checkRuns(file: string): Promise<void> {
  try {
    const model = await EmotionModel.load(file, { device: 'cpu', precision: 'auto' });
    try {
      const { sampleRate } = model.card;
      const samples = Float32Array.from(
        { length: Math.max(sampleRate, model.card.minSamples) },
        (_, i) => Math.sin(i * i) / 8,
      );
      await model.run([{ samples, sampleRate }], { frameLogits: true, features: true });
    } finally {
      model.dispose();
    }
  } catch (cause) {
    if (isOutOfMemory(cause)) throw cause;
    throw new EmotionError('ERR_QUANTIZE', `What was written does not run: ${messageOf(cause)}`, { cause });
  }
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
