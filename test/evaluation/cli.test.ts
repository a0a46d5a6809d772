import assert from 'node:assert/strict';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { fixture, root } from '../support/paths.js';
import { runCli } from '../support/run.js';

/** Makes every search for libtorch fail with ERR_LIBTORCH_MISSING. */
const NO_LIBTORCH = { LIBTORCH: '/usr' };

interface Json {
  model: { name: string; precision: string };
  counts: { rows: number; clips: number; speakers: number };
  excluded: { missing: string[]; failed: { file: string; message: string }[] };
  overall: { uar: { value: number; low: number; high: number } };
  groups: { column: string; values: { value: string; clips: number }[] }[];
  robustness?: { clean: object; perturbations: { kind: string; clips: number; uar: number }[]; failures: object[] };
  results: { file: string; truth: string; emotion: string; confidence: number; scores: Record<string, number> }[];
}

describe('emotion2vec evaluate', () => {
  let folder: string;
  let audio: string;
  before(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'emotion2vec-evaluate-'));
    audio = path.join(folder, 'audio');
    mkdirSync(path.join(audio, 'more'), { recursive: true });
    for (const name of ['speech.wav', 'speech.mp3', 'speech-u8.wav'])
      copyFileSync(fixture(name), path.join(audio, name));
    copyFileSync(fixture('speech.flac'), path.join(audio, 'more/other.flac'));
    copyFileSync(fixture('text.wav'), path.join(audio, 'broken.wav'));
  });
  after(() => rmSync(folder, { recursive: true }));

  const evaluate = (labels: string, ...args: string[]) => {
    const file = path.join(folder, 'labels.csv');
    writeFileSync(file, labels);
    return runCli(['evaluate', 'small-en-de', '--labels', file, '--audio', audio, ...args]);
  };
  const isNarrow = (text: string): void =>
    assert.deepEqual(
      text.split('\n').filter((line) => line.length > 80 && !line.startsWith(folder)), // a path cannot be wrapped
      [],
    );
  const GOOD = 'file,emotion,speaker,sex\nspeech.wav,anger,1,m\nspeech.mp3,sad,2,f\nother,happy,1,m\n';

  it('prints tables and writes no files', async () => {
    const { status, stdout, stderr } = await evaluate(GOOD);
    assert.equal(status, 0, stderr);
    assert.match(stdout, /^small-en-de [\d.]+, \w+ on cpu: 3 clips of 2 speakers\n/);
    for (const head of [/^UAR +\d\.\d{3} \(/m, /^angry +1 /m, /^true label +/m, /^calibration: ECE /m, /^sex +clips/m])
      assert.match(stdout, head);
    isNarrow(stdout);
    assert.match(stderr, /^2 files without a row: broken\.wav, speech-u8\.wav\n/);
    assert.deepEqual(readdirSync(folder).sort(), ['audio', 'labels.csv']);
  });

  it('writes JSON and figures, and continues after missing and broken files', async () => {
    const output = path.join(folder, 'deep/output');
    mkdirSync(output, { recursive: true });
    writeFileSync(path.join(output, 'robustness.svg'), ''); // from an earlier run, which must not stay next to new numbers
    const rows = 'speech-u8,calm,3,m\nnowhere.wav,sad,3,m\nbroken,sad,3,m\n';
    const { status, stdout, stderr } = await evaluate(
      GOOD + rows,
      '--output',
      output,
      '--map',
      'calm=neutral',
      '--group',
      'sex',
    );
    assert.equal(status, 1, 'one file is missing and one is broken');
    assert.match(stderr, /^1 row without a file: nowhere\.wav$/m);
    assert.match(stderr, /^1 clip failed: broken\.wav\n {2}first error: ERR_AUDIO_DECODE: /m);
    assert.deepEqual(readdirSync(output).sort(), ['confusion.svg', 'evaluation.json', 'reliability.svg']);
    isNarrow(stdout);
    const json = JSON.parse(readFileSync(path.join(output, 'evaluation.json'), 'utf8')) as Json;
    assert.deepEqual(json.counts, { rows: 6, clips: 4, speakers: 3 });
    assert.deepEqual([json.excluded.missing, json.excluded.failed[0]!.file], [['nowhere.wav'], 'broken.wav']);
    assert.deepEqual(
      json.groups.map(({ column, values }) => [column, values.map(({ value, clips }) => `${value}:${clips}`)]),
      [['sex', ['f:1', 'm:3']]],
    );
    const { low, value, high } = json.overall.uar;
    assert.ok(0 <= low && low <= value && value <= high && high <= 1);
    assert.deepEqual(
      json.results.map(({ file, truth }) => [file, truth]),
      [
        ['speech.wav', 'angry'],
        ['speech.mp3', 'sad'],
        ['more/other.flac', 'happy'],
        ['speech-u8.wav', 'neutral'],
      ],
    );
    const recognized = await runCli(['recognize', '--format', 'json', fixture('speech.wav')]);
    assert.deepEqual(json.results[0]!.scores, (JSON.parse(recognized.stdout) as Json['results'])[0]!.scores);
    for (const name of ['confusion.svg', 'reliability.svg']) {
      const svg = readFileSync(path.join(output, name), 'utf8');
      assert.match(svg, /^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg" [^]*<title>small-en-de: [^]*<\/svg>\n$/);
      assert.doesNotMatch(svg, /NaN|undefined|href|url\(/);
    }
  });

  it('fails with ERR_FILE_WRITE if its files cannot be written', async () => {
    const output = path.join(folder, 'unwritable');
    mkdirSync(path.join(output, 'confusion.svg'), { recursive: true });
    const { status, stderr } = await evaluate('clip,label\nspeech.wav,angry\n', '--output', output);
    assert.deepEqual([status, /^emotion2vec: ERR_FILE_WRITE: /m.test(stderr)], [1, true], stderr);
    assert.deepEqual(readdirSync(output), ['confusion.svg']);
  });

  it('perturbs the clips with --robustness', async () => {
    const output = path.join(folder, 'robustness');
    const csv = 'clip,label\nspeech.wav,angry\nother.flac,surprised\n';
    const { status, stdout, stderr } = await evaluate(csv, '--robustness', '--output', output);
    assert.equal(status, 0, stderr);
    assert.match(stderr, /^The model never outputs surprised\. /m);
    assert.match(stdout, /^none +0\.[05]00 [^]*^white noise: SNR 30 dB +\d\.\d{3} +[+-]\d\.\d{3}/m);
    isNarrow(stdout);
    const { robustness } = JSON.parse(readFileSync(path.join(output, 'evaluation.json'), 'utf8')) as Json;
    assert.deepEqual(
      [...new Set(robustness!.perturbations.map(({ kind }) => kind))],
      ['noise', 'gain', 'rate', 'codec', 'length', 'silence', 'reverberation'],
    );
    assert.ok(robustness!.perturbations.every(({ clips }) => clips === 2));
    assert.doesNotMatch(readFileSync(path.join(output, 'robustness.svg'), 'utf8'), /NaN|undefined/);
  });

  const wrong: [string, string, string[], number, RegExp][] = [
    ['unknown emotions', 'file,emotion\na,calm\nb,calm\n', [], 1, /ERR_LABELS: .*"calm" \(2 clips\)/],
    ['a mapping to an unknown label', GOOD, ['--map', 'sad=blue'], 2, /--map sad=blue/],
    ['a mapping without a label', GOOD, ['--map', 'sad'], 2, /'--map <from=to\.\.\.>'/],
    ['a column that does not exist', GOOD, ['--group', 'town'], 2, /--group town: .* file, emotion, speaker, sex/],
    ['an output that is a file', GOOD, ['--output', fixture('speech.wav')], 1, /ERR_FILE_WRITE: /],
    ['a folder that does not exist', GOOD, ['--audio', 'nowhere'], 1, /ERR_FILE_NOT_FOUND: .* nowhere\./],
    ['a folder that is a file', GOOD, ['--audio', fixture('speech.wav')], 1, /ERR_FILE_NOT_FOUND: .*speech\.wav/],
    ['labels that do not exist', GOOD, ['--labels', 'nowhere.csv'], 1, /ERR_FILE_NOT_FOUND: .*nowhere\.csv/],
    ['no clips at all', 'file,emotion\nq,sad\n', [], 1, /1 row without a file: q\n[^]*labels\.csv/],
  ];
  for (const [name, labels, args, expected, message] of wrong) {
    it(`${name}: refused before the search for libtorch`, async () => {
      const file = path.join(folder, 'labels.csv');
      writeFileSync(file, labels);
      const own = ['evaluate', 'small-en-de', '--labels', file, '--audio', audio, ...args];
      const { status, stdout, stderr } = await runCli(own, NO_LIBTORCH);
      assert.deepEqual([status, stdout], [expected, ''], stderr);
      assert.match(stderr, message);
      assert.doesNotMatch(stderr, /\n {4}at /);
    });
  }

  it('reads the labels of CREMA-D', async function () {
    const cremad = path.join(root, '../shared/data/cremad');
    if (!existsSync(cremad)) {
      console.log('      skipped: ../shared/data/cremad does not exist');
      this.skip();
    }
    const lines = readFileSync(path.join(cremad, 'labels.csv'), 'utf8').split('\n');
    const file = path.join(folder, 'cremad.csv');
    writeFileSync(file, lines.slice(0, 25).join('\n'));
    const { status, stdout, stderr } = await runCli([
      'evaluate',
      'small-en-de',
      '--labels',
      file,
      '--audio',
      path.join(cremad, 'audio'),
    ]);
    assert.equal(status, 0, stderr);
    for (const part of [/: 24 clips of \d+ speaker/, /^annotators: \d+ clips/m, /^level +clips/m, /^age +clips/m])
      assert.match(stdout, part);
    isNarrow(stdout);
  });
});
