import { stat } from 'node:fs/promises';

import { verifyArchive } from '../archive/verify-archive.js';
import type { QuantizeOptions } from '../options/types.js';
import { EmotionError, hasCode, isOutOfMemory, messageOf } from '../shared/errors.js';
import { fileError } from '../shared/file-error.js';
import { shown } from '../shared/text.js';
import { writeWhole } from '../shared/whole-file.js';
import { TorchModule } from '../torch/torch-module.js';
import type { QuantizeReport } from '../torch/types.js';
import { CARD_FILE, parseCard } from './card.js';
import { openEmotionArchive } from './emotion-archive.js';
import { EmotionModel } from './emotion-model.js';
import { checkTarget } from './target.js';

/** The result of quantizing an archive. */
export interface QuantizedArchive extends QuantizeReport {
  /** Size of the file, before and after, in bytes. */
  fileBytesBefore: number;
  fileBytesAfter: number;
}

/**
 * Writes an archive of any TorchScript module with smaller weights in its linear layers. `out` appears when it is complete. The
 * archive of an emotion model is loaded and run before that, because its inputs are known.
 * @throws EmotionError ERR_FILE_NOT_FOUND, ERR_FILE_WRITE, ERR_QUANTIZE, ERR_PRECISION_UNSUPPORTED, and as TorchModule.load
 */
export async function quantizeArchive(
  source: string,
  out: string,
  { precision = 'int8' }: QuantizeOptions = {},
): Promise<QuantizedArchive> {
  const before = await stat(source).catch((cause: unknown) => {
    throw fileError(cause, shown(source));
  });
  await checkTarget(out, source);
  await verifyArchive(source); // libtorch does not check checksums
  let report: QuantizeReport | undefined;
  await writeWhole(out, async (part) => {
    const written = await write(source, part, precision);
    if (written.isEmotionModel) await checkRuns(part);
    report = written.report;
  });
  return { ...report!, fileBytesBefore: before.size, fileBytesAfter: (await stat(out)).size };
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
 * Loads an emotion model and runs it once, on a second of noise.
 * @throws EmotionError ERR_QUANTIZE, ERR_OUT_OF_MEMORY
 */
export async function checkRuns(file: string): Promise<void> {
  try {
    const model = await EmotionModel.load(await openEmotionArchive(file), { device: 'cpu' });
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
    throw new EmotionError('ERR_QUANTIZE', `The new archive does not run: ${messageOf(cause)}`, { cause });
  }
}

/** Loads an archive in fp32. One that was quantized before is refused, because its weights are not exact. */
async function load(source: string): Promise<TorchModule> {
  try {
    return await TorchModule.load(source, { device: 'cpu', precision: 'fp32' });
  } catch (error) {
    if (!hasCode(error, 'ERR_PRECISION_UNSUPPORTED')) throw error;
    throw new EmotionError('ERR_QUANTIZE', `${shown(source)} is already quantized`, { cause: error });
  }
}
