import { createHash } from 'node:crypto';
import { createReadStream, type Stats } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';

import { verifyArchive } from '../archive/verify-archive.js';
import { EmotionError, messageOf } from '../shared/errors.js';
import { brief } from '../archive/brief.js';
import { CARD_FILE, type ModelCard } from '../model/card.js';
import { checkTarget } from '../model/target.js';
import { packageRoot } from '../shared/package-root.js';
import type { Precision } from '../options/types.js';
import { checkRuns } from '../model/quantize.js';
import { writeWhole } from '../shared/whole-file.js';
import { type TorchInput, TorchModule } from '../torch/torch-module.js';
import { Checkpoint } from './checkpoint.js';
import { readLabels } from './labels.js';
import { type Layout, recogniseLayout } from './layout.js';

/** The network without weights; models/emotion2vec/write.py makes it. */
const ARCHITECTURE = path.join(packageRoot, 'models/emotion2vec-architecture.pt');
const LABELS_FILE = 'tokens.txt';
/** Checkpoints that their publisher made known: the only files that are called by name without a look inside. */
const OFFICIAL = [
  {
    name: 'emotion2vec_plus_large',
    bytes: 1_945_790_254,
    sha256: 'be501a01f26fcdc7663a062dff86af839afbaef7c4de32f5e42d7e1ad2784da4',
  },
];

export interface ImportResult {
  card: ModelCard;
  /** Whether the file is, to the byte, one that its publisher made known. */
  official: boolean;
  parameters: number;
}

/**
 * Turns a checkpoint of emotion2vec+, or a snapshot folder that holds one, into a self-describing archive. Reads one tensor at
 * a time; what else a checkpoint holds (optimizer state, most of it) is never read. `out` appears when it is whole.
 * @param progress called with bytes done and bytes in all
 * @throws EmotionError ERR_FILE_NOT_FOUND, ERR_FILE_READ, ERR_FILE_WRITE, ERR_CHECKPOINT, ERR_PRECISION_UNSUPPORTED, and as
 *   TorchModule.load
 */
export async function importCheckpoint(
  source: string,
  out: string,
  { precision = 'fp32', progress }: { precision?: Precision; progress?: (done: number, total: number) => void } = {},
): Promise<ImportResult> {
  if (precision === 'fp16') {
    throw new EmotionError('ERR_PRECISION_UNSUPPORTED', 'Importing as fp16 is not available in this version');
  }
  const file = await findCheckpoint(source);
  await checkTarget(out, file);
  await using checkpoint = await Checkpoint.open(file);
  const layout = recogniseLayout(checkpoint.content, file);
  const labels = await readLabels(path.join(path.dirname(file), LABELS_FILE), layout.labels);
  const official = await recogniseOfficial(file);
  const kept = precision === 'auto' ? 'fp32' : precision;
  const card = { ...cardOf(layout, labels, file, official), precision: kept };

  checkpoint.check(layout.tensors);

  using module = await TorchModule.load(ARCHITECTURE, { device: 'cpu', precision: 'fp32' });
  const parameters = [...layout.tensors.values()].reduce((sum, { elements }) => sum + elements, 0);
  let done = 0;
  for (const [name, tensor] of layout.tensors) {
    const finite = await assign(module, file, 'assign', [name, await checkpoint.read(tensor, name)]);
    if (finite !== true) {
      throw new EmotionError('ERR_CHECKPOINT', `${brief(name)} in ${brief(file)} holds NaN or infinity`);
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
    throw new EmotionError('ERR_FILE_WRITE', `${brief(out)} could not be written (${brief(messageOf(cause))})`, {
      cause,
    });
  });
  return { card, official: official !== undefined, parameters };
}

/** Hands something of the checkpoint to the network, which refuses what it cannot be. */
async function assign(module: TorchModule, file: string, method: string, inputs: TorchInput[]): Promise<unknown> {
  try {
    return await module.call(method, inputs);
  } catch (cause) {
    if (!(cause instanceof EmotionError) || cause.code !== 'ERR_MODEL_RUN') throw cause;
    throw new EmotionError('ERR_CHECKPOINT', `${brief(file)} does not fit emotion2vec+: ${brief(cause.what)}`, {
      cause,
    });
  }
}

/** The checkpoint that a path means: itself, or the one in the folder. */
async function findCheckpoint(source: string): Promise<string> {
  const statusOf = (place: string): Promise<Stats> =>
    stat(place).catch((cause: unknown) => {
      throw unreadable(place, cause);
    });
  if (!(await statusOf(source)).isDirectory()) return source;
  const all = await readdir(source).catch((cause: unknown) => {
    throw unreadable(source, cause);
  });
  const names = all.filter((name) => /\.(pt|pth|bin)$/.test(name));
  const name = names.includes('model.pt') ? 'model.pt' : names.length === 1 ? names[0] : undefined;
  if (name === undefined) {
    const found =
      names.length === 0 ? 'no checkpoint' : `several (${brief(names.sort().join(', '))}) and none is model.pt`;
    throw new EmotionError('ERR_FILE_NOT_FOUND', `The folder ${brief(source)} holds ${found}`, {
      remedy: 'Give the path of the checkpoint, or of a snapshot folder with model.pt and tokens.txt.',
    });
  }
  const file = path.join(source, name);
  await statusOf(file); // it may be a link that leads nowhere
  return file;
}

async function recogniseOfficial(file: string): Promise<(typeof OFFICIAL)[number] | undefined> {
  const hash = createHash('sha256');
  try {
    const { size } = await stat(file);
    const candidates = OFFICIAL.filter(({ bytes }) => bytes === size);
    if (candidates.length === 0) return undefined; // hashing gigabytes would tell nothing more
    await pipeline(createReadStream(file, { highWaterMark: 2 ** 20 }), hash);
    const digest = hash.digest('hex');
    return candidates.find(({ sha256 }) => sha256 === digest);
  } catch (cause) {
    throw unreadable(file, cause);
  }
}

function unreadable(file: string, cause: unknown): EmotionError {
  const { code } = cause as NodeJS.ErrnoException;
  return code === 'ENOENT' || code === 'ENOTDIR'
    ? new EmotionError('ERR_FILE_NOT_FOUND', `There is no checkpoint at ${brief(file)}`, { cause })
    : new EmotionError('ERR_FILE_READ', `${brief(file)} could not be read (${brief(messageOf(cause))})`, { cause });
}

function cardOf(
  layout: Layout,
  labels: ModelCard['labels'],
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
    description: `emotion2vec+ (${layout.size}), imported from ${brief(`${parent}/${path.basename(file)}`)}`,
    licence: "The checkpoint's own; the official weights are under the FunASR Model Open Source License",
    source: 'Ziyang Ma et al., "emotion2vec: Self-Supervised Pre-Training for Speech Emotion Representation", 2023',
    labels,
    sampleRate: 16000,
    frameRate: 50,
    embeddingDim: layout.dim,
    minSamples: 400,
    exactBatches: true,
  };
}
