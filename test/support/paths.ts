import { existsSync } from 'node:fs';
import path from 'node:path';

/** The root of the checkout, wherever this file was compiled to. */
export const root = findRoot(__dirname);
export const fixture = (name: string): string => path.join(root, 'test/fixtures', name);
export const cli = path.join(root, 'bin/emotion2vec.js');

function findRoot(folder: string): string {
  return existsSync(path.join(folder, 'CMakeLists.txt')) ? folder : findRoot(path.dirname(folder));
}
