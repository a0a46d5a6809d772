import { readdir, stat } from 'node:fs/promises';
import path from 'node:path';

import { verifyArchive } from '../archive/verify-archive.js';
import { CARD_FILE, type ModelCard, type ModelLabel } from '../model/card.js';
import { checkRuns } from '../model/quantize.js';
import { checkTarget } from '../model/target.js';
import type { Precision } from '../options/types.js';
import { EmotionError, hasCode, messageOf } from '../shared/errors.js';
import { fileError } from '../shared/file-error.js';
import { sha256OfFile } from '../shared/hash.js';
import { packageRoot } from '../shared/package-root.js';
import { shown } from '../shared/text.js';
import { writeWhole } from '../shared/whole-file.js';
import type { TorchInput } from '../torch/tensor.js';
import { TorchModule } from '../torch/torch-module.js';
import { Checkpoint } from './checkpoint.js';
import { readLabels } from './labels.js';
import { type Layout, recognizeLayout } from './layout.js';

/** The network without weights, as models/emotion2vec/write.py writes it. */
const ARCHITECTURE = path.join(packageRoot, 'models/emotion2vec-architecture.pt');
const LABELS_FILE = 'tokens.txt';
/** Checkpoints as their publisher released them: the only files whose model is known without reading them. */
const OFFICIAL = [
  {
    name: 'emotion2vec_plus_large',
    bytes: 1_945_790_254,
    sha256: 'be501a01f26fcdc7663a062dff86af839afbaef7c4de32f5e42d7e1ad2784da4',
  },
];

export interface ImportResult {
  card: ModelCard;
  /** Whether the file is identical to one that its publisher released. */
  official: boolean;
  /** Number of parameters of the model. */
  parameters: number;
}

/**
 * Converts a checkpoint of emotion2vec+, or a snapshot folder that contains one, to an archive with a model card. Reads one
 * tensor at a time. The rest of the checkpoint (mostly the state of the optimizer) is never read. `out` appears when it is
 * complete.
 * @param progress called with the number of bytes that have been converted, and the total number of bytes
 * @throws EmotionError ERR_FILE_NOT_FOUND, ERR_FILE_READ, ERR_FILE_WRITE, ERR_CHECKPOINT, ERR_PRECISION_UNSUPPORTED, and as
 *   TorchModule.load
 */
export async function importCheckpoint(
  source: string,
  out: string,
  { precision = 'fp32', progress }: { precision?: Precision; progress?: (done: number, total: number) => void } = {},
): Promise<ImportResult> {
  if (precision === 'fp16') {
    throw new EmotionError('ERR_PRECISION_UNSUPPORTED', 'Importing as fp16 is not supported');
  }
  const file = await findCheckpoint(source);
  await checkTarget(out, file);
  await using checkpoint = await Checkpoint.open(file);
  const layout = recognizeLayout(checkpoint.content, file);
  const labels = await readLabels(path.join(path.dirname(file), LABELS_FILE), layout.labels);
  const official = await recognizeOfficial(file);
  const kept = precision === 'auto' ? 'fp32' : precision;
  const card = { ...cardOf(layout, labels, file, official), precision: kept };

  checkpoint.check(layout.tensors);

  using module = await TorchModule.load(ARCHITECTURE, { device: 'cpu', precision: 'fp32' });
  const parameters = [...layout.tensors.values()].reduce((sum, { elements }) => sum + elements, 0);
  let done = 0;
  for (const [name, tensor] of layout.tensors) {
    const finite = await assign(module, file, 'assign', [name, await checkpoint.read(tensor, name)]);
    if (finite !== true) {
      throw new EmotionError('ERR_CHECKPOINT', `${shown(name)} in ${shown(file)} contains NaN or infinity`);
    }
    done += tensor.elements;
    progress?.(4 * done, 4 * parameters);
  }
  await assign(module, file, 'finish', [layout.contextDepth, layout.depth]);
  if (kept !== 'fp32') await module.quantize({ precision: kept });
  await writeWhole(out, async (part) => {
    await module.save(part, { extraFiles: { [CARD_FILE]: JSON.stringify(card) } });
    await verifyArchive(part);
    if (kept !== 'fp32') await checkRuns(part);
  }).catch((cause: unknown) => {
    if (cause instanceof EmotionError) throw cause;
    throw new EmotionError('ERR_FILE_WRITE', `${shown(out)} could not be written (${shown(messageOf(cause))})`, {
      cause,
    });
  });
  return { card, official: official !== undefined, parameters };
}

/** Calls a method of the network with data of the checkpoint. The network refuses data that does not fit. */
async function assign(module: TorchModule, file: string, method: string, inputs: TorchInput[]): Promise<unknown> {
  try {
    return await module.call(method, inputs);
  } catch (cause) {
    if (!hasCode(cause, 'ERR_MODEL_RUN')) throw cause;
    throw new EmotionError('ERR_CHECKPOINT', `${shown(file)} does not fit emotion2vec+: ${shown(cause.what)}`, {
      cause,
    });
  }
}

/** Returns the checkpoint at a path: the file itself, or the one in the folder. */
async function findCheckpoint(source: string): Promise<string> {
  const failed = (file: string) => (cause: unknown) => {
    throw fileError(cause, shown(file));
  };
  if (!(await stat(source).catch(failed(source))).isDirectory()) return source;
  const all = await readdir(source).catch(failed(source));
  const names = all.filter((name) => /\.(pt|pth|bin)$/.test(name));
  const name = names.includes('model.pt') ? 'model.pt' : names.length === 1 ? names[0] : undefined;
  if (name === undefined) {
    const found =
      names.length === 0
        ? 'no checkpoint'
        : `several checkpoints (${shown(names.sort().join(', '))}), and none is model.pt`;
    throw new EmotionError('ERR_FILE_NOT_FOUND', `The folder ${shown(source)} contains ${found}`, {
      remedy: 'Use the path of the checkpoint, or of a snapshot folder with model.pt and tokens.txt.',
    });
  }
  const file = path.join(source, name);
  await stat(file).catch(failed(file)); // it may be a broken link
  return file;
}

async function recognizeOfficial(file: string): Promise<(typeof OFFICIAL)[number] | undefined> {
  try {
    const { size } = await stat(file);
    const candidates = OFFICIAL.filter(({ bytes }) => bytes === size);
    if (candidates.length === 0) return undefined; // avoids hashing gigabytes
    const digest = await sha256OfFile(file);
    return candidates.find(({ sha256 }) => sha256 === digest);
  } catch (cause) {
    throw fileError(cause, shown(file));
  }
}

function cardOf(
  layout: Layout,
  labels: ModelLabel[],
  file: string,
  official: (typeof OFFICIAL)[number] | undefined,
): Omit<ModelCard, 'precision'> {
  const parent = path.basename(path.dirname(path.resolve(file)));
  return {
    format: 1,
    name:
      official?.name ??
      (layout.size === 'large' || layout.size === 'base'
        ? `emotion2vec_plus_${layout.size}`
        : `emotion2vec-${layout.size}`),
    version: official === undefined ? 'imported' : official.sha256.slice(0, 12),
    description: `emotion2vec+ (${layout.size}), imported from ${shown(`${parent}/${path.basename(file)}`)}`,
    license: 'The license of the checkpoint; the official weights are under the FunASR Model Open Source License',
    source: 'Ziyang Ma et al., "emotion2vec: Self-Supervised Pre-Training for Speech Emotion Representation", 2023',
    labels,
    sampleRate: 16000,
    frameRate: 50,
    embeddingDim: layout.dim,
    minSamples: 400,
    exactBatches: true,
  };
}
