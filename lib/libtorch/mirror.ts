import { createReadStream, createWriteStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import path from 'node:path';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ReadableStream } from 'node:stream/web';
import { fileURLToPath } from 'node:url';

import type { Progress } from './download.js';
import { checkHash } from './hash.js';

/** The one archive behind `url`, fetched into `folder`. */
export async function* fromMirror(
  url: string,
  sha256: string | undefined,
  folder: string,
  progress: Progress,
): AsyncGenerator<string> {
  if (!sha256) throw new Error('EMOTION2VEC_LIBTORCH_URL needs EMOTION2VEC_LIBTORCH_SHA256 beside it');
  progress.say(`Fetching libtorch from ${url}`);
  const file = path.join(folder, 'libtorch.zip');
  const { body, total } = await openUrl(url);
  let received = 0;
  const count = new Transform({
    transform(chunk: Buffer, _, done) {
      progress.bytes((received += chunk.length), total);
      done(null, chunk);
    },
  });
  await pipeline(body, count, createWriteStream(file));
  if (total > 0 && received !== total) throw new Error(`the connection ended after ${received} of ${total} bytes`);
  await checkHash(file, sha256, url);
  progress.say('Extracting');
  yield file;
}

async function openUrl(url: string): Promise<{ body: Readable; total: number }> {
  if (url.startsWith('file:')) {
    const file = fileURLToPath(url);
    return { body: createReadStream(file), total: (await stat(file)).size };
  }
  const response = await fetch(url);
  if (!response.ok || response.body === null)
    throw new Error(`${url} answered ${response.status} ${response.statusText}`);
  return {
    body: Readable.fromWeb(response.body as ReadableStream),
    total: Number(response.headers.get('content-length') ?? 0),
  };
}
