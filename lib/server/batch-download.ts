import { Readable } from 'node:stream';

import { CLIP_FILES } from '../output/clip-folder.js';
import { CsvWriter } from '../output/csv.js';
import { ZipFile } from '../vendor/server.js';
import type { ResultStore } from './result-store.js';
import type { BatchList, ClipResult } from './schemas/results.js';

type Clip = BatchList['clips'][number];
type Outcome = { clip: Clip; result: ClipResult | undefined };

/** The results of a batch as one file. It is generated while it is sent: results are read one by one. */
export const downloads = {
  csv: {
    type: 'text/csv; charset=utf-8',
    open: (list: BatchList, store: ResultStore) => Readable.from(csv(list, store)),
  },
  ndjson: {
    type: 'application/x-ndjson',
    open: (list: BatchList, store: ResultStore) => Readable.from(ndjson(list, store)),
  },
  zip: { type: 'application/zip', open: (list: BatchList, store: ResultStore) => zip(list, store) },
} as const;

async function* outcomes({ clips }: BatchList, store: ResultStore): AsyncGenerator<Outcome> {
  for (const clip of clips) yield { clip, result: 'id' in clip ? await store.get(clip.id) : undefined };
}

/** Returns the reason why a clip has no result: its error, or that the result is no longer kept. */
function errorOf(clip: Clip): { code: string; message: string } {
  return 'error' in clip ? clip.error : { code: 'ERR_RESULT_NOT_FOUND', message: 'The result is no longer kept.' };
}

async function* csv(list: BatchList, store: ResultStore): AsyncGenerator<string> {
  const writer = new CsvWriter();
  for await (const { clip, result } of outcomes(list, store)) {
    yield writer.each({ file: clip.file, result, ...(result === undefined && { error: errorOf(clip) }) });
  }
  yield writer.end();
}

async function* ndjson(list: BatchList, store: ResultStore): AsyncGenerator<string> {
  for await (const { clip, result } of outcomes(list, store)) {
    yield `${JSON.stringify(result ?? { file: clip.file, error: errorOf(clip) })}\n`;
  }
}

/** results.csv, and a folder for each clip with the files that `recognize --output` writes. */
function zip(list: BatchList, store: ResultStore): Readable {
  const archive = new ZipFile();
  const output = archive.outputStream as Readable;
  const fill = async (): Promise<void> => {
    archive.addReadStream(Readable.from(csv(list, store)), 'results.csv');
    const taken = new Set<string>();
    for await (const { clip, result } of outcomes(list, store)) {
      if (result === undefined || !('id' in clip)) continue;
      const folder = folderName(clip.file, taken);
      archive.addFile(store.pathOf(clip.id, 'result'), `${folder}/${CLIP_FILES.result}`);
      for (const kind of ['embedding', 'processedAudio'] as const) {
        if (!(await store.has(clip.id, kind))) continue;
        archive.addFile(store.pathOf(clip.id, kind), `${folder}/${CLIP_FILES[kind]}`);
      }
    }
    archive.end();
  };
  archive.on('error', (error: Error) => output.destroy(error));
  fill().catch((error: unknown) => output.destroy(error as Error));
  return output;
}

/** Returns a folder name for a clip that is valid on every system. A name that is already taken gets a number. */
function folderName(file: string, taken: Set<string>): string {
  const base = file.replace(/[^\p{L}\p{N} ._()-]/gu, '_').replace(/^[. ]+|[. ]+$/g, '') || 'recording';
  let name = base;
  for (let i = 2; taken.has(name.toLowerCase()); i++) name = `${base}-${i}`;
  taken.add(name.toLowerCase());
  return name;
}
