/** emotion2vec+ large with the published architecture. Its weights come from the formula in tiny.ts. */
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { importCheckpoint } from '../../lib/checkpoint/import.js';
import { type NetworkSize, seededWeights, tinySnapshot } from './tiny.js';

const LARGE: NetworkSize = { dim: 1024, heads: 16, contextBlocks: 4, blocks: 8 };

/** Returns the archive of 650 MB in `folder`. Making it takes half a minute and 2 GB of memory, unless it exists. */
export async function importLarge(folder: string): Promise<string> {
  const archive = path.join(folder, 'large.pt');
  if (existsSync(archive)) return archive;
  mkdirSync(folder, { recursive: true });
  const part = mkdtempSync(path.join(folder, 'part-'));
  const snapshot = tinySnapshot(seededWeights(LARGE));
  try {
    await importCheckpoint(snapshot, path.join(part, 'large.pt'));
    renameSync(path.join(part, 'large.pt'), archive);
  } finally {
    rmSync(snapshot, { recursive: true });
    rmSync(part, { recursive: true });
  }
  return archive;
}

/** Returns a folder for models: a new one, or the one that EMOTION2VEC_GPU_MODELS names, whose models are kept for the next run. */
export function modelFolder(): { folder: string; remove: () => void } {
  const kept = process.env.EMOTION2VEC_GPU_MODELS;
  const folder = kept ?? mkdtempSync(path.join(tmpdir(), 'emotion2vec-models-'));
  return { folder, remove: () => void (kept ?? rmSync(folder, { recursive: true, force: true })) };
}
