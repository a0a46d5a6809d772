import { constants, createReadStream, createWriteStream } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import path from 'node:path';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ReadableStream } from 'node:stream/web';
import { fileURLToPath } from 'node:url';

import { messageOf } from '../shared/errors.js';
import type { Progress } from './download.js';
import { CORRECT_MIRROR, wrongMirror } from './failure.js';
import { checkHash } from './hash.js';
import { shown } from '../shared/text.js';

/** The one archive behind `url`, fetched into `folder`. */
export async function* fromMirror(
  url: string,
  sha256: string | undefined,
  folder: string,
  progress: Progress,
): AsyncGenerator<string> {
  if (!sha256) throw wrongMirror('EMOTION2VEC_LIBTORCH_URL needs EMOTION2VEC_LIBTORCH_SHA256 beside it');
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
  await checkHash(file, sha256, url, CORRECT_MIRROR);
  progress.say('Extracting');
  yield file;
}

async function openUrl(url: string): Promise<{ body: Readable; total: number }> {
  const protocol = URL.canParse(url) ? new URL(url).protocol : undefined;
  if (protocol === 'file:') return openFile(url);
  if (protocol !== 'http:' && protocol !== 'https:') throw wrongMirror(`${url} is no http:, https: or file: URL`);
  const response = await fetch(url);
  if (!response.ok || response.body === null) {
    const what = `${url} answered ${response.status} ${response.statusText}`;
    throw response.status >= 400 && response.status < 500 ? wrongMirror(what) : new Error(what);
  }
  return {
    body: Readable.fromWeb(response.body as ReadableStream),
    total: Number(response.headers.get('content-length') ?? 0),
  };
}

/** The stream is only made of a file that can be read: nobody listens to its errors before the first await is over. */
async function openFile(url: string): Promise<{ body: Readable; total: number }> {
  let file = url;
  try {
    file = fileURLToPath(url);
    await access(file, constants.R_OK);
    const found = await stat(file);
    if (!found.isFile()) throw new Error('it is no file:');
    return { body: createReadStream(file), total: found.size };
  } catch (cause) {
    throw wrongMirror(`${messageOf(cause)} '${shown(file)}'`, cause);
  }
}
