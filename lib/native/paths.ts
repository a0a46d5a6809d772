import { existsSync } from 'node:fs';
import path from 'node:path';
import nodeGypBuild from 'node-gyp-build';

import { EmotionError } from '../shared/errors.js';

/** The package's folder, from wherever this file was compiled to. */
export const packageRoot: string = findRoot(__dirname);

export interface AddonFiles {
  /** The loader: links nothing of libtorch. */
  loader: string;
  /** The main addon: only to be loaded after the loader opened libtorch. */
  torch: string;
}

/** The addon that node-gyp-build finds: build/Release of a checkout, or prebuilds/. Undefined where there is none. */
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

function findRoot(folder: string): string {
  if (existsSync(path.join(folder, 'CMakeLists.txt'))) return folder;
  const parent = path.dirname(folder);
  if (parent === folder) {
    throw new EmotionError('ERR_ADDON_MISSING', `The package's own files are not above ${__dirname}`, {
      remedy: 'A bundler must leave emotion2vec-node out (esbuild: --external:emotion2vec-node; webpack: externals).',
    });
  }
  return findRoot(parent);
}
