import { readdir, stat } from 'node:fs/promises';
import path from 'node:path';

import { bytesOfName, nameOfBytes, pathOfName } from './file-names.js';

/** A file or folder below the folder that was walked. */
export interface Entry {
  /** Relative to that folder. */
  name: string;
  isFolder: boolean;
}

export interface WalkOptions {
  /** How many levels of folders below the root are entered; 0 enters the root only. */
  depth: number;
  /** Whether to include names that begin with a dot. */
  hidden: boolean;
  /** Called for each folder that cannot be read. The walk continues with the others. */
  onError: (name: string, error: unknown) => void;
}

/**
 * Lists the regular files and folders below a folder, sorted by the bytes of their names. Links are followed, and each folder
 * is entered once, so that circular links end. A broken link counts as a file, so that the attempt to open it reports it.
 */
export async function walk(root: string, { depth, hidden, onError }: WalkOptions): Promise<Entry[]> {
  const entries: Entry[] = [];
  const entered = new Set<string>();
  const visit = async (folder: string, levels: number): Promise<void> => {
    const location = path.join(root, folder) || '.';
    const children = await enter(location).catch((error: unknown) => onError(location, error));
    for (const { name, kind } of children ?? []) {
      if (!hidden && name.startsWith('.')) continue;
      const relative = path.join(folder, name);
      if (kind !== 'other') entries.push({ name: relative, isFolder: kind === 'folder' });
      if (kind === 'folder' && levels > 0) await visit(relative, levels - 1);
    }
  };
  const enter = async (folder: string) => {
    const { dev, ino } = await stat(pathOfName(folder));
    if (entered.has(`${dev}:${ino}`)) return [];
    entered.add(`${dev}:${ino}`);
    return childrenOf(folder);
  };
  await visit('', depth);
  const keyed = entries.map((entry) => ({ entry, key: bytesOfName(entry.name) }));
  return keyed.sort((a, b) => Buffer.compare(a.key, b.key)).map(({ entry }) => entry);
}

async function childrenOf(folder: string): Promise<{ name: string; kind: 'file' | 'folder' | 'other' }[]> {
  const entries = await readdir(pathOfName(folder), { withFileTypes: true, encoding: 'buffer' });
  const sorted = entries.sort((a, b) => Buffer.compare(a.name, b.name));
  const children = sorted.map(async (entry) => {
    const name = nameOfBytes(entry.name);
    if (!entry.isSymbolicLink()) return { name, kind: kindOf(entry) };
    const target = await stat(pathOfName(path.join(folder, name))).catch(() => undefined);
    return { name, kind: target === undefined ? ('file' as const) : kindOf(target) };
  });
  return Promise.all(children);
}

function kindOf(entry: { isFile(): boolean; isDirectory(): boolean }): 'file' | 'folder' | 'other' {
  return entry.isDirectory() ? 'folder' : entry.isFile() ? 'file' : 'other';
}
