import nodeGypBuild from 'node-gyp-build';
import { existsSync } from 'node:fs';
import path from 'node:path';

import { packageRoot } from '../shared/package-root.js';

export interface AddonFiles {
  /** The loader addon, which links nothing of libtorch. */
  loader: string;
  /** The main addon. It may be loaded only after the loader has opened libtorch. */
  torch: string;
}

/**
 * Finds the addon where node-gyp-build does: in build/Release of a checkout, or in prebuilds/. Returns undefined if there is
 * none.
 */
export function findAddon(): AddonFiles | undefined {
  let loader: string;
  try {
    loader = nodeGypBuild.path(packageRoot);
  } catch {
    return undefined;
  }
  const torch = path.join(path.dirname(loader), 'libemotion2vec_torch.so');
  return existsSync(torch) ? { loader, torch } : undefined;
}
