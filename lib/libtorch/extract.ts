import { createWriteStream } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import { openPromise } from 'yauzl';

/**
 * Extracts the files that `keeps` accepts into `folder`, one after the other. The archive is a wheel, or a zip of libtorch, whose
 * folder libtorch/ becomes torch/. yauzl refuses names that lead out of the folder.
 */
export async function extractKept(archive: string, folder: string, keeps: (name: string) => boolean): Promise<void> {
  const zip = await openPromise(archive);
  for await (const entry of zip.eachEntry()) {
    const name = entry.fileName.replace(/^libtorch\//, 'torch/');
    if (name.endsWith('/') || !keeps(name)) continue;
    const target = path.join(folder, name);
    await mkdir(path.dirname(target), { recursive: true });
    await pipeline(await zip.openReadStreamPromise(entry), createWriteStream(target));
  }
}
