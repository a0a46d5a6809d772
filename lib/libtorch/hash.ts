import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';

import { notFetched } from './failure.js';

/** @throws EmotionError that names `what`, and what to do, when the file is another */
export async function checkHash(file: string, expected: string, what: string, remedy: string): Promise<void> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(file), hash);
  const actual = hash.digest('hex');
  if (actual !== expected.toLowerCase()) throw notFetched(`${what} has sha256 ${actual}, not ${expected}`, { remedy });
}
