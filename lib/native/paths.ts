import { existsSync } from 'node:fs';
import path from 'node:path';
import nodeGypBuild from 'node-gyp-build';

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
  return existsSync(path.join(folder, 'CMakeLists.txt')) ? folder : findRoot(path.dirname(folder));
}
