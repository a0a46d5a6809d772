import { createWriteStream } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import yauzl, { type Entry, type ZipFile } from 'yauzl';

const openZip = promisify<string, yauzl.Options, ZipFile>((file, options, callback) =>
  yauzl.open(file, options, (error, zip) => callback(error, zip)),
);

/**
 * Extracts what is kept of an archive (a wheel, or a libtorch zip, whose libtorch/ becomes torch/) into `folder`, an entry
 * at a time. yauzl refuses names that lead out of the folder.
 */
export async function extractKept(archive: string, folder: string, keeps: (name: string) => boolean): Promise<void> {
  const zip = await openZip(archive, { lazyEntries: true, autoClose: true });
  const openEntry = promisify<Entry, NodeJS.ReadableStream>((entry, callback) => zip.openReadStream(entry, callback));
  await new Promise<void>((resolve, reject) => {
    zip.on('error', reject);
    zip.on('end', resolve);
    zip.on('entry', (entry: Entry) => {
      const name = entry.fileName.replace(/^libtorch\//, 'torch/');
      if (name.endsWith('/') || !keeps(name)) {
        zip.readEntry();
        return;
      }
      const target = path.join(folder, name);
      mkdir(path.dirname(target), { recursive: true })
        .then(async () => pipeline(await openEntry(entry), createWriteStream(target)))
        .then(() => zip.readEntry(), reject);
    });
    zip.readEntry();
  });
}
