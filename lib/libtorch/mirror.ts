import { constants, createReadStream, createWriteStream } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import path from 'node:path';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ReadableStream } from 'node:stream/web';
import { fileURLToPath } from 'node:url';

import { messageOf } from '../shared/errors.js';
import { shown } from '../shared/text.js';
import { checkHash, CORRECT_MIRROR, mirrorError } from './download-error.js';
import type { Progress } from './progress.js';

/** Downloads the archive at `url` into `folder`, and yields its path. */
export async function* fromMirror(
  url: string,
  sha256: string | undefined,
  folder: string,
  progress: Progress,
): AsyncGenerator<string> {
  if (!sha256) throw mirrorError('EMOTION2VEC_LIBTORCH_URL is set, but EMOTION2VEC_LIBTORCH_SHA256 is not');
  progress.say(`Downloading libtorch from ${url}`);
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
  await checkHash(file, sha256, url, CORRECT_MIRROR);
  progress.say('Extracting');
  yield file;
}

async function openUrl(url: string): Promise<{ body: Readable; total: number }> {
  const protocol = URL.canParse(url) ? new URL(url).protocol : undefined;
  if (protocol === 'file:') return openFile(url);
  if (protocol !== 'http:' && protocol !== 'https:') throw mirrorError(`${url} is not an http:, https: or file: URL`);
  const response = await fetch(url);
  if (!response.ok || response.body === null) {
    const what = `${url} answered ${response.status} ${response.statusText}`;
    throw response.status >= 400 && response.status < 500 ? mirrorError(what) : new Error(what);
  }
  return {
    body: Readable.fromWeb(response.body as ReadableStream),
    total: Number(response.headers.get('content-length') ?? 0),
  };
}

/**
 * The stream is created after the file has been checked: an error before the caller listens to the stream would end the process.
 */
async function openFile(url: string): Promise<{ body: Readable; total: number }> {
  let file = url;
  try {
    file = fileURLToPath(url);
    await access(file, constants.R_OK);
    const found = await stat(file);
    if (!found.isFile()) throw new Error('it is not a file:');
    return { body: createReadStream(file), total: found.size };
  } catch (cause) {
    throw mirrorError(`${messageOf(cause)} '${shown(file)}'`, cause);
  }
}
