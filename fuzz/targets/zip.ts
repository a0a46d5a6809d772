import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { verifyArchive } from '../../lib/archive/verify-archive.js';
import { Checkpoint } from '../../lib/checkpoint/checkpoint.js';
import { openEmotionArchive } from '../../lib/model/emotion-archive.js';
import { zipOf } from '../../test/support/zip.js';
import { mutateZip, trapPickles } from '../mutations.js';
import { allowErrorCodes, type FuzzTarget } from '../target.js';

const folder = mkdtempSync(path.join(tmpdir(), 'fuzz-zip-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));

const members = [
  { name: 'a/data.pkl', content: trapPickles().at(-2)!, descriptor: true },
  { name: 'a/byteorder', content: Buffer.from('little') },
  { name: 'a/data/0', content: Buffer.alloc(16, 1) },
  { name: 'a/extra/emotion2vec.json', content: Buffer.from('{"format": 1}'), compress: true },
];

/** A zip file, as an archive and as a checkpoint. */
export const target: FuzzTarget = {
  seeds: () => [
    zipOf(members),
    zipOf(members, { zip64: {} }),
    zipOf(members, { zip64: { short: false }, comment: Buffer.from('PK\x05\x06') }),
    zipOf([]),
  ],
  dictionary: [
    'PK\x01\x02',
    'PK\x03\x04',
    'PK\x05\x06',
    'PK\x06\x06',
    'PK\x06\x07',
    'PK\x07\x08',
    '\x01\0\x10\0',
    '\xff\xff\xff\xff',
  ],
  mutate: mutateZip,
  maxBytes: 4096,
  async fuzz(data) {
    const file = path.join(folder, 'model.pt');
    writeFileSync(file, data);
    const verified = await allowErrorCodes(() => verifyArchive(file));
    if (verified !== undefined && verified.bytes > 1100 * data.length)
      throw new Error(`${verified.bytes} of ${data.length}`);
    await allowErrorCodes(() => openEmotionArchive(file));
    const checkpoint = await allowErrorCodes(() => Checkpoint.open(file));
    await checkpoint?.[Symbol.asyncDispose]();
  },
};
