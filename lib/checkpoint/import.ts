import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';

import { EmotionError } from '../errors.js';
import { CARD_FILE, type ModelCard } from '../model/card.js';
import { checkTarget } from '../model/target.js';
import { packageRoot } from '../native/paths.js';
import type { Precision } from '../options.js';
import { TorchModule } from '../torch.js';
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

  using module = await TorchModule.load(ARCHITECTURE, { device: 'cpu', precision: 'fp32' });
  const parameters = [...layout.tensors.values()].reduce((sum, { shape }) => sum + product(shape), 0);
  let done = 0;
  for (const [name, tensor] of layout.tensors) {
    const finite = await module.call('assign', [name, await checkpoint.read(tensor, name)]);
    if (finite !== true) throw new EmotionError('ERR_CHECKPOINT', `${name} in ${file} holds NaN or infinity`);
    done += product(tensor.shape);
    progress?.(4 * done, 4 * parameters);
  }
  await module.call('finish', [layout.contextDepth, layout.depth]);
  if (kept !== 'fp32') await module.quantize({ precision: kept });
  await module.save(out, { extraFiles: { [CARD_FILE]: JSON.stringify(card) } });
  return { card, official: official !== undefined, parameters };
}

/** The checkpoint that a path means: itself, or the one in the folder. */
async function findCheckpoint(source: string): Promise<string> {
  const info = await stat(source).catch((cause: unknown) => {
    throw new EmotionError('ERR_FILE_NOT_FOUND', `There is no checkpoint at ${source}`, { cause });
  });
  if (!info.isDirectory()) return source;
  const names = (await readdir(source)).filter((name) => /\.(pt|pth|bin)$/.test(name));
  const name = names.includes('model.pt') ? 'model.pt' : names.length === 1 ? names[0] : undefined;
  if (name === undefined) {
    const found = names.length === 0 ? 'no checkpoint' : `several (${names.join(', ')}) and none is model.pt`;
    throw new EmotionError('ERR_FILE_NOT_FOUND', `The folder ${source} holds ${found}`, {
      remedy: 'Give the path of the checkpoint, or of a snapshot folder with model.pt and tokens.txt.',
    });
  }
  return path.join(source, name);
}

async function recogniseOfficial(file: string): Promise<(typeof OFFICIAL)[number] | undefined> {
  const { size } = await stat(file);
  const candidates = OFFICIAL.filter(({ bytes }) => bytes === size);
  if (candidates.length === 0) return undefined; // hashing gigabytes would tell nothing more
  const hash = createHash('sha256');
  await pipeline(createReadStream(file, { highWaterMark: 2 ** 20 }), hash);
  const digest = hash.digest('hex');
  return candidates.find(({ sha256 }) => sha256 === digest);
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
    description: `emotion2vec+ (${layout.size}), imported from ${parent}/${path.basename(file)}`,
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

function product(shape: readonly number[]): number {
  return shape.reduce((total, size) => total * size, 1);
}
