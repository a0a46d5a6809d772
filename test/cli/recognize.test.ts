import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { systemCode } from '../../lib/shared/errors.js';
import { root } from '../support/paths.js';
import { runCli } from '../support/run.js';

const SPEECH = 'test/fixtures/speech.wav';

describe('emotion2vec recognize', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'emotion2vec-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it('prints the emotion and every score', async () => {
    const { status, stdout, stderr } = await runCli(['recognize', SPEECH]);
    assert.deepEqual([status, stderr], [0, '']);
    assert.match(stdout, /^test\/fixtures\/speech\.wav: \w+ \(\d+\.\d%\)\n/);
    for (const label of ['angry', 'disgusted', 'fearful', 'happy', 'neutral', 'other', 'sad']) {
      assert.match(stdout, new RegExp(`^  ${label} +\\d+\\.\\d%`, 'm'));
    }
    assert.ok(stdout.split('\n').every((line) => line.length <= 80));
  });

  it('prints JSON, NDJSON and CSV, and continues after a failure', async () => {
    const files = ['test/fixtures/empty.wav', SPEECH];
    const json = await runCli(['recognize', '--format', 'json', '--embedding', ...files]);
    const [bad, good] = JSON.parse(json.stdout) as { error: { code: string }; embedding: number[] }[];
    assert.equal(json.status, 1);
    assert.equal(bad!.error.code, 'ERR_AUDIO_DECODE');
    assert.equal(good!.embedding.length, 192);
    const lines = (await runCli(['recognize', '--format', 'ndjson', ...files])).stdout.trim().split('\n');
    assert.deepEqual(
      lines.map((line) => (JSON.parse(line) as { file: string }).file),
      files,
    );
    const [header, ...rows] = (await runCli(['recognize', '--format', 'csv', ...files])).stdout.trim().split('\n');
    assert.equal(header, 'file,start,end,emotion,confidence,angry,disgusted,fearful,happy,neutral,other,sad,error');
    assert.deepEqual(
      rows.map((row) => row.split(',').length),
      [13, 13],
    );
  });

  it('writes a folder for each clip', async () => {
    const clips = [SPEECH, 'test/fixtures/speech.mp3'];
    const { status } = await runCli(['recognize', '--output', folder, '--embedding', ...clips]);
    assert.equal(status, 0);
    assert.deepEqual(readdirSync(folder).sort(), ['speech', 'speech.mp3']);
    assert.deepEqual(readdirSync(path.join(folder, 'speech')).sort(), [
      'embedding.npy',
      'processed_audio.wav',
      'result.json',
    ]);
    const result = JSON.parse(readFileSync(path.join(folder, 'speech/result.json'), 'utf8')) as Record<string, unknown>;
    assert.deepEqual([result.file, result.embeddingShape], [SPEECH, [192]]);
    const npy = readFileSync(path.join(folder, 'speech/embedding.npy'));
    assert.equal(npy.toString('latin1', 0, 6), '\x93NUMPY');
    assert.equal((10 + npy.readUInt16LE(8)) % 64, 0);
    assert.match(npy.toString('latin1', 10, 90), /'descr': '<f4', 'fortran_order': False, 'shape': \(192,\)/);
    assert.equal(npy.length, 10 + npy.readUInt16LE(8) + 4 * 192);
    const again = await runCli(['recognize', '--format', 'json', path.join(folder, 'speech/processed_audio.wav')]);
    assert.deepEqual((JSON.parse(again.stdout) as { scores: unknown }[])[0]!.scores, result.scores);
  });

  it('shows a progress bar on a terminal without hiding results', function () {
    const command = `${process.execPath} bin/emotion2vec.js recognize ${SPEECH} test/fixtures/empty.wav test/fixtures/speech.mp3`;
    const { stdout, error } = spawnSync('script', ['-qec', command, '/dev/null'], {
      cwd: root,
      encoding: 'utf8',
      timeout: 60_000,
    });
    if (systemCode(error) === 'ENOENT') this.skip(); // script of util-linux is not installed
    assert.match(stdout, /\/3 clips/);
    for (const piece of [/speech\.wav: [a-z]+ /, /ERR_AUDIO_DECODE/, /speech\.mp3: [a-z]+ /])
      assert.match(stdout, piece);
  });

  it('expands patterns', async () => {
    const { stdout } = await runCli(['recognize', '--format', 'csv', 'test/fixtures/speech-*.wav']);
    assert.equal(stdout.trim().split('\n').length, 1 + 8 + 1);
  });

  const failures: [string, string[], number, RegExp][] = [
    ['a missing file', ['nowhere.wav'], 1, /^ERR_FILE_NOT_FOUND: .*nowhere\.wav.*\n$/],
    ['a folder without audio', ['test/fixtures/models'], 1, /^ERR_FILE_NOT_FOUND: .*test\/fixtures\/models.*\n$/],
    ['a pattern without a match', ['test/*.mp3'], 1, /^ERR_FILE_NOT_FOUND: .*test\/\*\.mp3.*\n$/],
    ['a clip that is not audio', ['test/fixtures/text.wav'], 1, /^test\/fixtures\/text\.wav: ERR_AUDIO_DECODE: .*\n$/],
    ['a file that is not a model', ['--model', 'test/fixtures/text.wav', SPEECH], 1, /ERR_MODEL_LOAD: .*\n$/],
    ['an unknown option', ['--bogus', SPEECH], 2, /unknown option '--bogus'/],
    ['an invalid value', ['--device', 'gpu', SPEECH], 2, /--device/],
    ['no file', [], 2, /missing required argument/],
  ];
  for (const [name, args, expected, message] of failures) {
    it(`${name}: exit status ${expected} and a message in one line`, async () => {
      const { status, stderr } = await runCli(['recognize', ...args]);
      assert.equal(status, expected, stderr);
      assert.match(stderr, message);
      assert.doesNotMatch(stderr, /\n {4}at /);
    });
  }

  it('prints a stack trace with --debug', async () => {
    assert.match((await runCli(['recognize', '--debug', 'nowhere.wav'])).stderr, /\n {4}at /);
  });

  it('a folder that cannot be written is refused', async () => {
    writeFileSync(path.join(folder, 'file'), '');
    const { status, stderr } = await runCli(['recognize', '--output', path.join(folder, 'file'), SPEECH]);
    assert.equal(status, 1);
    assert.match(stderr, /^emotion2vec: ERR_FILE_WRITE: /);
  });
});

describe('other commands', () => {
  it('models lists the built-in models', async () => {
    const { status, stdout } = await runCli(['models']);
    assert.equal(status, 0);
    assert.match(stdout, /small-en-de \(default\)/);
  });

  it('models describes what a model can and cannot do', async () => {
    const { status, stdout } = await runCli(['models', 'small-en-de']);
    assert.deepEqual([status, stdout], [0, `${readFileSync(path.join(root, 'models/README.md'), 'utf8')}\n`]);
    const other = await runCli(['models', path.join(root, 'models/emotion2vec-architecture.pt')]);
    assert.equal(other.status, 1);
    assert.match(other.stderr, /ERR_MODEL_LOAD: .*emotion2vec\.json/);
    assert.match((await runCli(['models', 'large'])).stderr, /ERR_MODEL_NOT_FOUND: .*"large"/);
  });

  it('models verifies checksums', async () => {
    const { status, stdout } = await runCli(['models', '--verify']);
    assert.deepEqual([status, stdout.trim().split('\n').length], [0, 1]);
    assert.match(stdout, /^small-en-de: OK, .* \d+ members/);
  });

  it('setup does nothing but print the paths when everything is ready', async () => {
    const { status, stdout, stderr } = await runCli(['setup']);
    assert.deepEqual([status, stderr], [0, '']);
    assert.match(stdout, /libtorch 2\.11\.0: .*\naddon: .*libemotion2vec_torch\.so\n/);
  });

  it('a LIBTORCH without libtorch is refused', async () => {
    const { status, stderr } = await runCli(['recognize', SPEECH], { LIBTORCH: '/usr' });
    assert.equal(status, 1);
    assert.match(stderr, /ERR_LIBTORCH_MISSING: .*\/usr/);
  });
});
