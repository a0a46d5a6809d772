import { readdir, stat } from 'node:fs/promises';
import path from 'node:path';

import { bytesOfName, nameOfBytes, pathOfName } from './file-names.js';

/** Something below a folder; `name` is relative to it. */
export interface Found {
  name: string;
  folder: boolean;
}

export interface WalkOptions {
  /** Folders below folders that are looked into; 0: the folder alone. */
  depth: number;
  /** Whether names that begin with a dot are looked at. */
  hidden: boolean;
  /** Of a folder that cannot be looked into; the others are. */
  onError: (name: string, error: unknown) => void;
}

/**
 * Regular files and folders below a folder, by their names' bytes in order. Links are followed, each folder is looked into once,
 * so that links in a circle end. A link that leads nowhere counts as a file: who opens it says so.
 */
export async function walk(root: string, { depth, hidden, onError }: WalkOptions): Promise<Found[]> {
  const found: Found[] = [];
  const seen = new Set<string>();
  const visit = async (folder: string, left: number): Promise<void> => {
    const place = path.join(root, folder) || '.';
    const names = await look(place).catch((error: unknown) => onError(place, error));
    for (const { name, kind } of names ?? []) {
      if (!hidden && name.startsWith('.')) continue;
      const below = path.join(folder, name);
      if (kind !== 'other') found.push({ name: below, folder: kind === 'folder' });
      if (kind === 'folder' && left > 0) await visit(below, left - 1);
    }
  };
  const look = async (folder: string) => {
    const { dev, ino } = await stat(pathOfName(folder));
    if (seen.has(`${dev}:${ino}`)) return [];
    seen.add(`${dev}:${ino}`);
    return entriesOf(folder);
  };
  await visit('', depth);
  const order = found.map((each) => ({ each, key: bytesOfName(each.name) }));
  return order.sort((a, b) => Buffer.compare(a.key, b.key)).map(({ each }) => each);
}

async function entriesOf(folder: string): Promise<{ name: string; kind: 'file' | 'folder' | 'other' }[]> {
  const entries = await readdir(pathOfName(folder), { withFileTypes: true, encoding: 'buffer' });
  const sorted = entries.sort((a, b) => Buffer.compare(a.name, b.name));
  const kinds = sorted.map(async (entry) => {
    const name = nameOfBytes(entry.name);
    if (!entry.isSymbolicLink()) return { name, kind: kindOf(entry) };
    const target = await stat(pathOfName(path.join(folder, name))).catch(() => undefined);
    return { name, kind: target === undefined ? ('file' as const) : kindOf(target) };
  });
  return Promise.all(kinds);
}

function kindOf(entry: { isFile(): boolean; isDirectory(): boolean }): 'file' | 'folder' | 'other' {
  return entry.isDirectory() ? 'folder' : entry.isFile() ? 'file' : 'other';
}
