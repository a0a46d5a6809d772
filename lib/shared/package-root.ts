import { existsSync } from 'node:fs';
import path from 'node:path';

import { EmotionError } from './errors.js';

/** The package's folder. The search starts at this file, which may be compiled to any folder below it. */
export const packageRoot: string = findRoot(__dirname);

function findRoot(folder: string): string {
  if (existsSync(path.join(folder, 'CMakeLists.txt'))) return folder;
  const parent = path.dirname(folder);
  if (parent === folder) {
    throw new EmotionError('ERR_ADDON_MISSING', `The package files were not found above ${__dirname}`, {
      remedy: 'Exclude emotion2vec-node from bundling (esbuild: --external:emotion2vec-node; webpack: externals).',
    });
  }
  return findRoot(parent);
}
