/** emotion2vec+ large as it is published, but for what it has learnt: its weights come from tiny.ts' formula. */
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { importCheckpoint } from '../../lib/checkpoint/import.js';
import { type NetworkSize, seededWeights, tinySnapshot } from './tiny.js';

const LARGE: NetworkSize = { dim: 1024, heads: 16, contextBlocks: 4, blocks: 8 };

/**
 * Its archive of 650 MB in `folder`, made where it is not there yet: half a minute, and 2 GB of memory.
 */
export async function importLarge(folder: string): Promise<string> {
  const archive = path.join(folder, 'large.pt');
  if (existsSync(archive)) return archive;
  mkdirSync(folder, { recursive: true });
  const aside = mkdtempSync(path.join(folder, 'part-'));
  const snapshot = tinySnapshot(seededWeights(LARGE));
  try {
    await importCheckpoint(snapshot, path.join(aside, 'large.pt'));
    renameSync(path.join(aside, 'large.pt'), archive);
  } finally {
    rmSync(snapshot, { recursive: true });
    rmSync(aside, { recursive: true });
  }
  return archive;
}

/** A folder for models: the one that EMOTION2VEC_GPU_MODELS names, which keeps them for the next, or a new one. */
export function modelFolder(): { folder: string; remove: () => void } {
  const kept = process.env.EMOTION2VEC_GPU_MODELS;
  const folder = kept ?? mkdtempSync(path.join(tmpdir(), 'emotion2vec-models-'));
  return { folder, remove: () => void (kept ?? rmSync(folder, { recursive: true, force: true })) };
}
