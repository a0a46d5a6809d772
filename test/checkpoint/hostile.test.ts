import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readFileSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import path from 'node:path';

import { Checkpoint } from '../../lib/checkpoint/checkpoint.js';
import { importCheckpoint } from '../../lib/checkpoint/import.js';
import type { LazyTensor } from '../../lib/checkpoint/pickle-values.js';
import { EmotionError } from '../../lib/index.js';
import { type Stored, writeCheckpoint } from '../support/checkpoint.js';
import { type ImportFolder, importFolder } from '../support/import-folder.js';
import { runCli } from '../support/run.js';
import { LABELS, tinySnapshot, tinyWeights } from '../support/tiny.js';
import { zipOf } from '../support/zip.js';

describe('an untrusted checkpoint', function () {
  this.timeout(20_000); // a reader that hangs does so for minutes
  let files: ImportFolder;
  let weights: ReadonlyMap<string, Stored>;
  before(() => {
    files = importFolder();
    weights = tinyWeights();
  });
  after(() => files[Symbol.dispose]());

  it('is refused for a damaged weight', async () => {
    writeCheckpoint(files.source, weights);
    const whole = readFileSync(files.source);
    for (const share of [0.3, 0.5, 0.99]) {
      const bytes = Buffer.from(whole);
      bytes[Math.floor(bytes.length * share)]! ^= 1;
      writeFileSync(files.source, bytes);
      await files.refused(`a bit at ${share}`);
    }
    // A local header that states a longer extra field would shift the content.
    const bytes = Buffer.from(whole);
    const header = bytes.indexOf('archive/data/3') - 30;
    bytes.writeUInt16LE(4, header + 28);
    writeFileSync(files.source, bytes);
    await files.refused('a shifted weight');
    // The file becomes shorter after it was opened.
    writeFileSync(files.source, whole);
    await using checkpoint = await Checkpoint.open(files.source);
    truncateSync(files.source, whole.length / 2);
    const model = (checkpoint.content as Map<string, Map<string, LazyTensor>>).get('model')!;
    const last = [...model.keys()].at(-1)!;
    await assert.rejects(
      checkpoint.read(model.get(last)!, last),
      (error) => error instanceof EmotionError && error.code === 'ERR_CHECKPOINT',
    );
  });

  it('is refused for labels that are not valid', async () => {
    writeCheckpoint(files.source, weights);
    const tokens = path.join(files.folder, 'tokens.txt');
    const nine = (first: string): string => [first, ...LABELS.slice(1)].join('\n');
    const bad: Record<string, Buffer | string> = {
      huge: Buffer.alloc(3 * 2 ** 20, 'a\n'),
      binary: Buffer.from(Array.from({ length: 256 }, (_, i) => i)),
      'not UTF-8': Buffer.from(nine('生气/angry'), 'utf16le'),
      'Latin-1': Buffer.from(nine('fr\xf6hlich'), 'latin1'),
      'a label of 10,000 characters': nine('a'.repeat(10_000)),
      'an escape sequence': nine('\x1b[2Jangry'),
      'a label twice': nine(LABELS[1]!),
      empty: '',
    };
    for (const [what, text] of Object.entries(bad)) {
      writeFileSync(tokens, text);
      await files.refused(what);
    }
    rmSync(tokens);
    mkdirSync(tokens);
    await files.refused('a folder');
    rmSync(tokens, { recursive: true });
    execFileSync('mkfifo', [tokens]);
    await files.refused('a pipe');
    rmSync(tokens);
    writeFileSync(tokens, `\ufeff${LABELS.join('\r\n')}\r\n\r\n`); // valid labels for the next tests
  });

  it('is refused at once where it is a pipe', async () => {
    const place = path.join(files.folder, 'place');
    mkdirSync(place);
    execFileSync('mkfifo', [path.join(place, 'model.pt')]);
    await files.refused('a pipe', /^ERR_FILE_READ$/, path.join(place, 'model.pt'));
    await files.refused('a pipe in a folder', /^ERR_FILE_READ$/, place);
    await files.refused('a device', /^ERR_FILE_READ$/, '/dev/zero');
    await files.refused('no path', /^ERR_FILE_NOT_FOUND$/, `/no/${'where/'.repeat(500)}`.slice(0, 4000));
    rmSync(path.join(place, 'model.pt'));
    symlinkSync(path.join(place, 'model.pt'), path.join(place, 'model.pt'));
    await files.refused('a link to itself', /^ERR_FILE_/, place);
    rmSync(path.join(place, 'model.pt'));
    symlinkSync(files.source, path.join(place, 'model.pt')); // as in the snapshot folders of model hubs
    copyFileSync(path.join(files.folder, 'tokens.txt'), path.join(place, 'tokens.txt'));
    const { card } = await importCheckpoint(place, files.out);
    assert.equal(card.labels[0]!.name, 'angry');
    rmSync(files.out);
  });

  it('is refused where it is a file of another kind', async () => {
    const foreign: Record<string, Buffer> = {
      'NumPy arrays': zipOf([{ name: 'arr_0.npy', content: Buffer.from('\x93NUMPY') }]),
      'torch.export': zipOf([{ name: 'm/archive_format', content: Buffer.from('pt2') }]),
      'two pickles': zipOf(['a', 'b'].map((name) => ({ name: `${name}/data.pkl`, content: Buffer.from('N.') }))),
      'big-endian': zipOf([
        { name: 'a/data.pkl', content: Buffer.from('N.') },
        { name: 'a/byteorder', content: Buffer.from('big') },
      ]),
    };
    for (const [what, bytes] of Object.entries(foreign)) {
      writeFileSync(files.source, bytes);
      await files.refused(what);
    }
  });

  it('is reported as complete or damaged on the command line, as an archive is', async () => {
    const snapshot = tinySnapshot(new Map(weights));
    await importCheckpoint(snapshot, files.out);
    rmSync(snapshot, { recursive: true });
    const [well, all] = await Promise.all([runCli(['models', files.out, '--verify']), runCli(['models', '--verify'])]);
    assert.deepEqual([well.status, all.status], [0, 0], well.stderr + all.stderr);
    const bytes = readFileSync(files.out);
    bytes[Math.floor(bytes.length / 2)]! ^= 4;
    writeFileSync(files.out, bytes);
    const smaller = path.join(files.folder, 'int8.pt');
    const [verified, quantized, doctor] = await Promise.all([
      runCli(['models', files.out, '--verify']),
      runCli(['quantize', files.out, smaller]),
      runCli(['doctor', '--model', files.out, '--json']),
    ]);
    for (const ran of [verified, quantized]) {
      assert.equal(ran.status, 1);
      assert.match(ran.stderr, /ERR_MODEL_LOAD/);
    }
    const { findings } = JSON.parse(doctor.stdout) as { findings: { id: string; status: string }[] };
    assert.equal(findings.find(({ id }) => id === 'models.out.pt')?.status, 'error');
    assert.equal(doctor.status, 1);
    rmSync(files.out);
  });
});
