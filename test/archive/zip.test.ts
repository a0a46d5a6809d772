import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { verifyArchive } from '../../lib/archive/verify-archive.js';
import { type Refuse, ZipFile } from '../../lib/archive/zip-file.js';
import { EmotionError } from '../../lib/index.js';
import { root } from '../support/paths.js';
import { type ZipEnd, type ZipMember, zipOf } from '../support/zip.js';

const TEXT = Buffer.from('what was written '.repeat(20));

describe('zip files of checkpoints and archives', () => {
  let folder: string;
  let file: string;
  before(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'emotion2vec-zip-'));
    file = path.join(folder, 'model.pt');
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  const member = (rest: Partial<ZipMember> = {}): ZipMember => ({ name: 'archive/data/0', content: TEXT, ...rest });
  const verify = (bytes: Buffer): Promise<unknown> => {
    writeFileSync(file, bytes);
    return verifyArchive(file);
  };
  const refused = async (what: string, bytes: Buffer): Promise<void> => {
    await assert.rejects(verify(bytes), (error) => {
      assert.ok(error instanceof EmotionError, `${what}: ${String(error)}`);
      assert.equal(error.code, 'ERR_MODEL_LOAD', what);
      assert.ok(error.what.length < 500, `${what}: ${error.what}`);
      return true;
    });
  };

  it('are read as PyTorch, Python and Info-ZIP write them', async () => {
    for (const archive of ['models/small-en-de.pt', 'models/emotion2vec-architecture.pt']) {
      await verifyArchive(path.join(root, archive));
    }
    const members = [member({ descriptor: true }), member({ name: 'archive/code.py', compress: true })];
    const ends: Partial<ZipEnd>[] = [
      {},
      { zip64: {} },
      { zip64: { short: false }, comment: Buffer.from('a comment with PK\x05\x06 in it, which ends nothing') },
    ];
    for (const end of ends) {
      assert.deepEqual(await verify(zipOf(members, end)), { members: 2, bytes: 2 * TEXT.length });
    }
    execFileSync('python3', [
      '-c',
      `import sys, zipfile
with zipfile.ZipFile(sys.argv[1], 'w') as z:
    with z.open('archive/data/0', 'w', force_zip64=True) as f: f.write(b'x' * 1000)
    z.writestr('archive/code.py', 'pass\\n' * 100, zipfile.ZIP_DEFLATED)`,
      file,
    ]);
    assert.deepEqual(await verifyArchive(file), { members: 2, bytes: 1500 });
  });

  it('return what was written or are refused, whichever byte was flipped', async () => {
    const members = [
      member({ content: Buffer.from('0123456789') }),
      member({ name: 'archive/code.py', compress: true }),
    ];
    const refuse: Refuse = (why) => new EmotionError('ERR_MODEL_LOAD', why);
    for (const end of [{}, { zip64: {} }]) {
      const whole = zipOf([{ ...members[0]!, descriptor: true }, members[1]!], end);
      let unnoticed = 0;
      for (let at = 0; at < whole.length; at++) {
        const bytes = Buffer.from(whole);
        bytes[at]! ^= 1 << ((at * 5) % 8);
        writeFileSync(file, bytes);
        try {
          await using zip = await ZipFile.open(file, refuse);
          for (const found of zip.members.values()) await zip.verify(found);
          for (const { name, content } of members) {
            const found = zip.members.get(name);
            assert.ok(found !== undefined, `byte ${at} changed a name`);
            assert.deepEqual(await zip.read(found, 1000), content, `byte ${at}`);
          }
          unnoticed++;
        } catch (error) {
          assert.ok(error instanceof EmotionError, `byte ${at}: ${String(error)}`);
        }
      }
      // Flips in versions, attributes, dates and descriptors, which repeat the directory, have no effect.
      assert.ok(unnoticed < 110, `${unnoticed} of ${whole.length}`);
    }
  });

  it('are refused where their headers are wrong or contradict each other', async () => {
    const one = member();
    const two = member({ name: 'archive/data/1' });
    const headerBytes = 30 + one.name.length;
    const lies: Record<string, Buffer> = {
      empty: Buffer.alloc(0),
      'no zip file': Buffer.from('a text of more than twenty-two bytes'),
      'a flipped checksum': zipOf([member({ central: { crc32: 1 } })]),
      'no checksum': zipOf([member({ central: { crc32: 0 } })]),
      'another name in the header': zipOf([member({ local: { name: 'archive/data/9' } })]),
      'a longer name in the header': zipOf([member({ local: { name: 'archive/data/00' } })]),
      'another method in the header': zipOf([member({ local: { method: 8 } })]),
      'other sizes in the header': zipOf([member({ local: { bytes: 5, storedBytes: 5 } })]),
      'other flags in the header': zipOf([member({ local: { flags: 0 } })]),
      'another checksum in the header': zipOf([member({ local: { crc32: 7 } })]),
      'a member twice': zipOf([one, one]),
      'a member in another': zipOf([one, member({ name: 'archive/data/1', central: { offset: 0 } })]),
      'a member that reaches into another': zipOf([
        member({ central: { bytes: TEXT.length + 50, storedBytes: TEXT.length + 50 } }),
        two,
      ]),
      'a member beyond the end': zipOf([member({ central: { offset: 2 ** 31 } })]),
      'a member in the directory': zipOf([member({ central: { offset: headerBytes + TEXT.length } })]),
      'a size beyond the end': zipOf([member({ central: { bytes: 2 ** 31, storedBytes: 2 ** 31 } })]),
      'a size that is missing': zipOf([member({ central: { bytes: 2 ** 32 - 1, storedBytes: 2 ** 32 - 1 } })]),
      'two sizes': zipOf([member({ central: { bytes: 3 } })]),
      encrypted: zipOf([member({ central: { flags: 0x801 } })]),
      'compressed in an unknown way': zipOf([member({ central: { method: 14 } })]),
      'compressed data that are invalid': zipOf([member({ central: { method: 8 }, local: { method: 8 } })]),
      'a bomb with a correct size': zipOf([member({ content: Buffer.alloc(65 * 2 ** 20), compress: true })]),
      'a bomb with a small size in its headers': zipOf([
        member({ content: Buffer.alloc(20 * 2 ** 20), compress: true, central: { bytes: 10 }, local: { bytes: 10 } }),
      ]),
      'a bomb with a huge size in its headers': zipOf([member({ compress: true, central: { bytes: 2 ** 31 } })]),
      'another part': zipOf([member({ central: { disk: 1 } })]),
      'several parts': zipOf([one], { disk: 1 }),
      'fewer members here': zipOf([one, two], { countHere: 1 }),
      'a count that is too small': zipOf([one, two], { count: 1 }),
      'a count that is too large': zipOf([one, two], { count: 3 }),
      'a directory that is longer': zipOf([one], { directoryBytes: 4000 }),
      'a directory elsewhere': zipOf([one], { directoryStart: 3 }),
      'a directory beyond the end': zipOf([one], { directoryStart: 2 ** 32 - 1 }),
      'a locator beyond the end': zipOf([one], { zip64: { locator: Number.MAX_SAFE_INTEGER } }),
      'a 64-bit start beyond the end': zipOf([one], { zip64: { start: Number.MAX_SAFE_INTEGER } }),
      'a 64-bit count beyond all': zipOf([one], { zip64: { count: Number.MAX_SAFE_INTEGER } }),
      'a 64-bit size beyond all': zipOf([one], { zip64: { bytes: Number.MAX_SAFE_INTEGER } }),
      'ends that contradict each other': zipOf([one], { zip64: { short: false }, count: 2, countHere: 2 }),
      'an end within its comment': zipOf([one], { comment: zipOf([]) }),
      'bytes after the end': zipOf([one], { trailing: Buffer.from('more') }),
      'a name that leads out': zipOf([member({ name: 'archive/../../etc/passwd' })]),
      'a name from the root': zipOf([member({ name: '/etc/passwd' })]),
      'a name with backslashes that leads out': zipOf([member({ name: 'a\\..\\..\\b' })]),
      'a name with a zero': zipOf([member({ name: 'archive/a\0b' })]),
      'no name': zipOf([member({ name: '' })]),
      'a name of 60,000 characters that is damaged': zipOf([
        member({ name: 'a/'.repeat(30_000), central: { crc32: 1 } }),
      ]),
    };
    for (const [what, bytes] of Object.entries(lies)) await refused(what, bytes);
  });

  it('are refused wherever they are cut off', async () => {
    const whole = zipOf([member(), member({ name: 'archive/code.py', compress: true })], { zip64: {} });
    for (let size = 0; size < whole.length; size += 7) await refused(`${size} bytes`, whole.subarray(0, size));
  });

  it('are distinguished from other formats, which are named', async () => {
    const others: [RegExp, string][] = [
      [/Git LFS/, 'version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n'],
      [/HDF5/, '\x89HDF\r\n\x1a\n'],
      [/GGUF/, 'GGUF\x03\0\0\0'],
      [/safetensors/, '\x40\0\0\0\0\0\0\0{"a":{"dtype":"F32"}}'],
      [/old format/, '\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03.'],
      [/web page/, '<!DOCTYPE html><html>'],
    ];
    for (const [name, text] of others) {
      await assert.rejects(verify(Buffer.from(text.padEnd(100, '\0'), 'latin1')), (error) => {
        assert.ok(error instanceof EmotionError && error.code === 'ERR_MODEL_LOAD');
        return name.test(error.what);
      });
    }
  });

  it('are refused at once where they are pipes, devices or folders', async () => {
    const pipe = path.join(folder, 'pipe');
    execFileSync('mkfifo', [pipe]);
    for (const place of [pipe, '/dev/zero', folder]) {
      await assert.rejects(
        verifyArchive(place),
        (error) => error instanceof EmotionError && error.code === 'ERR_MODEL_LOAD',
      );
    }
    await assert.rejects(verifyArchive(path.join(folder, 'nothing')), { code: 'ERR_FILE_NOT_FOUND' });
  });

  it('stop being verified when the signal is aborted', async () => {
    writeFileSync(file, zipOf([member({ content: Buffer.alloc(8 * 2 ** 20) })]));
    const controller = new AbortController();
    const verifying = verifyArchive(file, { signal: controller.signal });
    controller.abort(new Error('enough'));
    await assert.rejects(verifying, /enough/);
  });

  it('have the same damaged member as unzip finds', async function () {
    const bytes = readFileSync(path.join(root, 'models/small-en-de.pt'));
    bytes[3_000_000]! ^= 0x10;
    writeFileSync(file, bytes);
    let output = '';
    try {
      execFileSync('unzip', ['-tq', file], { stdio: 'pipe' });
    } catch (error) {
      const { stdout, code } = error as { stdout?: Buffer; code?: string };
      if (code === 'ENOENT') return this.skip();
      output = String(stdout);
    }
    const name = /(\S+)\s+bad CRC/.exec(output)?.[1];
    await assert.rejects(verifyArchive(file), (error) => {
      assert.ok(error instanceof EmotionError && name !== undefined && error.what.includes(name), output);
      return true;
    });
  });
});
