import assert from 'node:assert/strict';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, statSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { openArchive } from '../../lib/archive/archive.js';
import { openEmotionArchive } from '../../lib/model/emotion-archive.js';
import { fixture, root } from '../support/paths.js';
import { zipOf } from '../support/zip.js';

const TEN_GB = 10e9;

/** A zip file of one member, with a hole of 10 GB before its directory. */
function writeSparseZip(file: string, name: string): void {
  const content = Buffer.from('x');
  const start = 30 + name.length + content.length;
  const directoryBytes = 46 + name.length;
  const zip64 = { start: start + TEN_GB, locator: start + TEN_GB + directoryBytes };
  const whole = zipOf([{ name, content }], { zip64 });
  const opened = openSync(file, 'w');
  writeSync(opened, whole, 0, start, 0);
  writeSync(opened, whole, start, whole.length - start, start + TEN_GB);
  closeSync(opened);
}

/** Number of bytes that this process has read so far. */
function bytesRead(): number {
  return Number(/rchar: (\d+)/.exec(readFileSync('/proc/self/io', 'utf8'))![1]);
}

describe('opening an archive', () => {
  let folder: string;
  before(() => (folder = mkdtempSync(path.join(tmpdir(), 'emotion2vec-open-'))));
  after(() => rmSync(folder, { recursive: true }));

  it('reads its size and the requested extra files', async () => {
    const file = path.join(root, 'models/small-en-de.pt');
    const archive = await openArchive(path.relative('.', file), ['emotion2vec.json', 'none']);
    assert.deepEqual([archive.file, archive.bytes], [file, statSync(file).size]);
    assert.deepEqual([...archive.extraFiles.keys()], ['emotion2vec.json']);
    const { card, description } = await openEmotionArchive(file, { description: true });
    assert.match(card.license, /^MIT/);
    assert.equal(description, readFileSync(path.join(root, 'models/README.md'), 'utf8'));
  });

  const foreign: [kind: string, write: (file: string) => void][] = [
    ['torch\\.export program', (file) => writeSparseZip(file, 'm/archive_format')],
    ['checkpoint that torch\\.save wrote', (file) => writeSparseZip(file, 'm/data.pkl')],
    [
      'GGUF model',
      (file) => {
        const opened = openSync(file, 'w');
        writeSync(opened, 'GGUF', 0);
        writeSync(opened, 'x', TEN_GB);
        closeSync(opened);
      },
    ],
  ];
  for (const [kind, write] of foreign) {
    it(`names a foreign file of 10 GB without reading it: ${kind}`, async () => {
      const file = path.join(folder, 'foreign.pt');
      write(file);
      for (const open of [openArchive, openEmotionArchive]) {
        const before = bytesRead();
        await assert.rejects(open(file), { code: 'ERR_MODEL_LOAD', message: new RegExp(kind) });
        assert.ok(bytesRead() - before < 2 ** 20, `${bytesRead() - before} bytes`);
      }
      rmSync(file);
    });
  }

  it('refuses an archive without a card, or with one that does not follow the contract', async () => {
    for (const name of ['types', 'not-json', 'no-labels']) {
      await assert.rejects(openEmotionArchive(fixture(`models/${name}.pt`)), { code: 'ERR_MODEL_LOAD' }, name);
    }
    const binary = path.join(folder, 'binary.pt');
    const card = { name: 'm/extra/emotion2vec.json', content: Buffer.from([0xff, 0xfe]) };
    writeFileSync(binary, zipOf([{ name: 'm/data.pkl', content: Buffer.from('N.') }, card]));
    await assert.rejects(openEmotionArchive(binary), { code: 'ERR_MODEL_LOAD' });
    const missing = path.join(folder, 'missing.pt');
    await assert.rejects(openEmotionArchive(missing), { code: 'ERR_FILE_NOT_FOUND' });
    await assert.rejects(openEmotionArchive(path.join(fixture('text.wav'), 'x.pt')), { code: 'ERR_FILE_NOT_FOUND' });
    await assert.rejects(openEmotionArchive(folder), { code: 'ERR_MODEL_LOAD' });
    writeFileSync(missing, '');
    await assert.rejects(openEmotionArchive(missing), { code: 'ERR_MODEL_LOAD' });
  });
});
