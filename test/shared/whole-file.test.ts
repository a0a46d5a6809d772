import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { EmotionError } from '../../lib/shared/errors.js';
import { partOf, removeLeftovers, whileWriting, writeWhole } from '../../lib/shared/whole-file.js';
import { endsWithTest } from '../support/children.js';

const DEAD = 4_194_303; // above the process IDs that Linux uses by default
const SECOND = 1000;

describe('writeWhole', () => {
  let folder: string;
  let target: string;
  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'emotion2vec-'));
    target = path.join(folder, 'out.pt');
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  /** Creates a part of `base` as process `pid` would, by default in the PID namespace of this process, and returns its name. */
  function planted(
    base: string,
    pid: number,
    { namespace, ageMs = 0 }: { namespace?: string; ageMs?: number } = {},
  ): string {
    const own = path.basename(partOf(path.join(folder, base)));
    const name = own
      .replace(`.${process.pid}-`, `.${pid}-`)
      .replace(/-[0-9a-f]{8}/, (own) => (namespace ? `-${namespace}` : own));
    plant(name, ageMs);
    return name;
  }

  function plant(name: string, ageMs: number): void {
    writeFileSync(path.join(folder, name), 'half');
    const at = (Date.now() - ageMs) / SECOND;
    utimesSync(path.join(folder, name), at, at);
  }

  const write = (text: string) => (part: string) => writeFile(part, text);

  it('replaces a file completely, or leaves it as it was', async () => {
    await writeWhole(target, write('first'));
    await assert.rejects(
      writeWhole(target, async (part) => {
        await writeFile(part, 'hal');
        assert.deepEqual(readFileSync(target, 'utf8'), 'first');
        throw new Error('no room');
      }),
      /no room/,
    );
    assert.deepEqual([readFileSync(target, 'utf8'), readdirSync(folder)], ['first', ['out.pt']]);
  });

  it('does not replace folders and devices', async () => {
    mkdirSync(target);
    symlinkSync('/dev/null', path.join(folder, 'null'));
    for (const file of [target, path.join(folder, 'null'), '/dev/null', path.join(folder, 'no/folder')]) {
      const expected = file.endsWith('no/folder') ? { code: 'ENOENT' } : { code: 'ERR_FILE_WRITE' };
      await assert.rejects(writeWhole(file, write('text')), expected, file);
    }
    assert.deepEqual(readdirSync(folder).sort(), ['null', 'out.pt']);
  });

  it('accepts names of the maximum length of the file system', async () => {
    for (const name of ['x'.repeat(255), 'é'.repeat(127), '🙂'.repeat(63)]) {
      const file = path.join(folder, name);
      const left = planted(name, DEAD);
      await writeWhole(file, write(name));
      assert.deepEqual([readFileSync(file, 'utf8'), existsSync(path.join(folder, left))], [name, false]);
    }
  });

  it('allows concurrent writes, of which one wins', async () => {
    const texts = Array.from({ length: 20 }, (_, i) => `${i} `.repeat(50_000));
    await Promise.all(texts.map((text) => writeWhole(target, write(text))));
    assert.ok(texts.includes(readFileSync(target, 'utf8')));
    assert.deepEqual(readdirSync(folder), ['out.pt']);
  });

  it('removes what killed processes left of the file, and nothing else', async () => {
    const alive = endsWithTest(spawn('sleep', ['100']));
    try {
      const gone = [
        planted('out.pt', DEAD),
        planted('other.pt', DEAD), // its tag shows that it is one of this package
        planted('out.pt', alive.pid!, { ageMs: 3600 * SECOND }), // of an earlier process with this ID
        planted('out.pt', process.pid, { ageMs: 86_400 * SECOND }),
        planted('out.pt', 1, { namespace: '01234567', ageMs: 90_000 * SECOND }), // of another container
        `out.pt.${DEAD}.part`,
        `out.pt.${DEAD}-0123456789abcdef.part.${DEAD}.part`,
      ];
      plant(gone.at(-2)!, 0);
      plant(gone.at(-1)!, 90_000 * SECOND);
      const stay = [
        planted('out.pt', alive.pid!),
        planted('out.pt', 1, { namespace: '01234567', ageMs: 3600 * SECOND }),
        `backup.${DEAD}.part`,
        `out.pt.part`,
        `xout.pt.${DEAD}.part`,
        `out.pt.${alive.pid}.part`,
      ];
      for (const name of stay.slice(2)) plant(name, 0);
      await writeWhole(target, write('whole'));
      assert.deepEqual(readdirSync(folder).sort(), [...stay, 'out.pt'].sort());
      assert.ok(gone.every((name) => !stay.includes(name)));
    } finally {
      alive.kill('SIGKILL');
    }
  });

  it('does not remove a part that is being written', async () => {
    const part = partOf(target);
    await whileWriting(part, async () => {
      plant(path.basename(part), 86_400 * SECOND);
      await removeLeftovers(folder, ['out.pt']);
      assert.ok(existsSync(part));
      await writeWhole(part, write('a part is written directly'));
      assert.deepEqual(readdirSync(folder), [path.basename(part)]);
    });
    assert.deepEqual(readdirSync(folder), []);
  });

  it('rejects if the folder does not exist; there are no leftovers in it', async () => {
    await removeLeftovers(path.join(folder, 'none'), ['out.pt']);
    await assert.rejects(
      writeWhole(path.join(folder, 'none/out.pt'), write('')),
      (error) => !(error instanceof EmotionError),
    );
  });
});
