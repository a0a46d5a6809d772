import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { matchFiles } from '../../lib/evaluation/files.js';
import { labelRows, type Mapping, readLabelFile, Words } from '../../lib/evaluation/labels.js';
import type { ModelCard } from '../../lib/model/card.js';

const label = (name: string, zh: string, unused = false) => ({ name, en: name, zh, unused });
const CARD = {
  labels: [label('angry', '生气'), label('happy', '开心'), label('other', '其他'), label('surprised', '吃惊', true)],
} as ModelCard;

describe('a labels file', () => {
  let folder: string;
  before(() => (folder = mkdtempSync(path.join(tmpdir(), 'emotion2vec-labels-'))));
  after(() => rmSync(folder, { recursive: true }));

  const read = (content: string | Buffer) => {
    const file = path.join(folder, 'labels.csv');
    writeFileSync(file, content);
    return readLabelFile(file);
  };
  const truths = async (content: string, mapping: Mapping = []) => {
    const { rows, empty, leftOut } = labelRows(await read(content), new Words(CARD, mapping));
    return { rows: rows.map(({ name, truth }) => `${name}=${truth}`), empty, leftOut };
  };

  it('has a BOM, CRLF, quotes, spaces and empty lines, or has not', async () => {
    const { columns, rows } = await read(
      '\ufeffFile , Emotion,note\r\n"a, b.wav",anger,"said ""no"""\r\n\r\n,,\r\n c ,joy,\r\n',
    );
    assert.deepEqual(columns, ['file', 'emotion', 'note']);
    assert.deepEqual(rows, [
      { file: 'a, b.wav', emotion: 'anger', note: 'said "no"' },
      { file: 'c', emotion: 'joy', note: '' },
    ]);
  });

  it('may be what a spreadsheet writes: semicolons, tabs', async () => {
    for (const text of ['file;emotion\na, b.wav;anger\n', 'file\temotion\r\na, b.wav\tanger\r\n'])
      assert.deepEqual((await read(text)).rows, [{ file: 'a, b.wav', emotion: 'anger' }]);
  });

  it('names the columns by the first name there is', async () => {
    const { clipColumn, emotionColumn } = await read('name,acted,clip,label\na,b,c,d\n');
    assert.deepEqual([clipColumn, emotionColumn], ['clip', 'label']);
  });

  const broken: [string, string, RegExp][] = [
    ['no column of the clip', 'who,emotion\na,sad\n', /no column of the clip \(file, path, .*it has: who, emotion\./],
    ['no column of the emotion', 'file,mood\na,sad\n', /no column of the emotion \(emotion, label, acted\)/],
    ['no rows', 'file,emotion\n', /no row below its header/],
    ['nothing', '', /no column of the clip/],
    ['rows of another length', 'file,emotion\na\n', /is not CSV: .*line 2/],
  ];
  for (const [name, content, message] of broken) {
    it(`with ${name} is told what it lacks`, () =>
      assert.rejects(read(content), (error: Error & { code: string }) => {
        assert.equal(error.code, 'ERR_LABELS');
        assert.match(error.message, message);
        return true;
      }));
  }

  it('that is not there', () => assert.rejects(readLabelFile('nowhere.csv'), { code: 'ERR_FILE_NOT_FOUND' }));

  it('may call emotions by other names', async () => {
    const { rows } = await truths('file,emotion\n1,Anger\n2,生气\n3,JOY\n4,happiness\n5,surprise\n');
    assert.deepEqual(rows, ['1=angry', '2=angry', '3=happy', '4=happy', '5=surprised']);
  });

  it('is mapped, and rows are left out', async () => {
    const csv = 'file,emotion\n1,calm\n2,boredom\n3,happy\n4,\n';
    assert.deepEqual(
      await truths(csv, [
        ['Calm', ''],
        ['boredom', 'Other'],
        ['happy', 'anger'],
      ]),
      { rows: ['2=other', '3=angry'], empty: ['4'], leftOut: ['1'] },
    );
  });

  it('with emotions that the model does not know: all of them are named', async () => {
    const csv = 'file,emotion,votes_angry,votes_fun\n1,calm,1,1\n2,boredom,1,1\n3,calm,1,1\n4,sad,1,1\n';
    await assert.rejects(truths(csv), (error: Error & { code: string }) => {
      assert.equal(error.code, 'ERR_LABELS');
      assert.match(error.message, /"calm" \(2 clips\), "boredom" \(1 clip\), "sad" \(1 clip\), the column votes_fun\./);
      assert.match(error.message, /The model's labels: angry, happy, other, surprised\. .*--map "calm="/);
      return true;
    });
    assert.throws(
      () => new Words(CARD, [['calm', 'quiet']]),
      /^TypeError: --map calm=quiet: the model has no such label/,
    );
  });

  it('tells votes in the model’s words', async () => {
    const csv = 'file,emotion,votes_anger,votes_angry,votes_none\n1,joy,2,1,5\n2,joy,0,,1\n';
    const { rows } = labelRows(await read(csv), new Words(CARD, [['none', '']]));
    assert.deepEqual(
      rows.map(({ votes }) => votes),
      [{ angry: 3 }, undefined],
    );
  });
});

describe('names of clips', () => {
  const files = ['a.wav', 'x/a.wav', 'x/b.wav', 'y/b.mp3', 'y/c.d.wav', 'caf\u00e9.wav'];
  const rowsOf = (names: string[]) => names.map((name) => ({ name, truth: '', columns: {}, votes: undefined }));
  const match = (...names: string[]) => matchFiles(rowsOf(names), files);
  const fileOf = (name: string): string | undefined => match(name).clips[0]?.file;

  it('are paths with or without ending, or bare names', () => {
    assert.deepEqual(['x/a.wav', 'x/a', './x/a', 'x\\b.wav', 'b.mp3', 'c.d', 'y/c.d', 'cafe\u0301'].map(fileOf), [
      'x/a.wav',
      'x/a.wav',
      'x/a.wav',
      'x/b.wav',
      'y/b.mp3',
      'y/c.d.wav',
      'y/c.d.wav',
      'caf\u00e9.wav',
    ]);
  });

  it('mean the closest: a path before a bare name', () => {
    assert.deepEqual(['a.wav', 'a'].map(fileOf), ['a.wav', 'a.wav']);
  });

  it('may be missing, ambiguous or given twice', () => {
    const { clips, missing, ambiguous, repeated, unlabelled } = match('b', 'q.wav', '', 'x/a', 'x/a.wav');
    assert.deepEqual(
      clips.map(({ file }) => file),
      ['x/a.wav'],
    );
    assert.deepEqual([missing, ambiguous, repeated], [['q.wav', ''], ['b'], ['x/a.wav']]);
    assert.deepEqual(unlabelled, ['a.wav', 'y/c.d.wav', 'caf\u00e9.wav'], 'ambiguous ones are named');
    assert.deepEqual(matchFiles([], files, ['b', 'x/a', 'c.d']).unlabelled, ['a.wav', 'caf\u00e9.wav']);
  });
});
