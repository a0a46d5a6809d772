import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { LabelVocabulary, type Mapping } from '../../lib/evaluation/label-vocabulary.js';
import { labelRows, readLabelFile } from '../../lib/evaluation/labels.js';
import { matchFiles } from '../../lib/evaluation/match-files.js';
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
    const { rows, withoutEmotion, excludedByMap } = labelRows(await read(content), new LabelVocabulary(CARD, mapping));
    return { rows: rows.map(({ name, truth }) => `${name}=${truth}`), withoutEmotion, excludedByMap };
  };

  it('is read with and without BOM, CRLF, quotes, spaces and empty lines', async () => {
    const { columns, rows } = await read(
      '\ufeffFile , Emotion,note\r\n"a, b.wav",anger,"said ""no"""\r\n\r\n,,\r\n c ,joy,\r\n',
    );
    assert.deepEqual(columns, ['file', 'emotion', 'note']);
    assert.deepEqual(rows, [
      { file: 'a, b.wav', emotion: 'anger', note: 'said "no"' },
      { file: 'c', emotion: 'joy', note: '' },
    ]);
  });

  it('may be separated by semicolons or tabs, as spreadsheets write it', async () => {
    for (const text of ['file;emotion\na, b.wav;anger\n', 'file\temotion\r\na, b.wav\tanger\r\n'])
      assert.deepEqual((await read(text)).rows, [{ file: 'a, b.wav', emotion: 'anger' }]);
  });

  it('has its columns chosen by the precedence of their names', async () => {
    const { clipColumn, emotionColumn } = await read('name,acted,clip,label\na,b,c,d\n');
    assert.deepEqual([clipColumn, emotionColumn], ['clip', 'label']);
  });

  /** What is wrong with a file, the file, and what the message must mention. */
  const broken: [string, string, string[]][] = [
    ['no column for the clip', 'who,emotion\na,sad\n', ['file, path', 'who, emotion']],
    ['no column for the emotion', 'file,mood\na,sad\n', ['emotion, label, acted']],
    ['no rows', 'file,emotion\n', []],
    ['no content', '', ['file, path']],
    ['a row of another length', 'file,emotion\na\n', ['line 2']],
  ];
  for (const [name, content, parts] of broken) {
    it(`with ${name} is refused`, () =>
      assert.rejects(read(content), (error: Error & { code: string }) => {
        assert.equal(error.code, 'ERR_LABELS');
        for (const part of parts) assert.ok(error.message.includes(part), error.message);
        return true;
      }));
  }

  it('that does not exist is refused', () =>
    assert.rejects(readLabelFile('nowhere.csv'), { code: 'ERR_FILE_NOT_FOUND' }));

  it('may use synonyms and Chinese names', async () => {
    const { rows } = await truths('file,emotion\n1,Anger\n2,生气\n3,JOY\n4,happiness\n5,surprise\n');
    assert.deepEqual(rows, ['1=angry', '2=angry', '3=happy', '4=happy', '5=surprised']);
  });

  it('is mapped, and rows can be excluded', async () => {
    const csv = 'file,emotion\n1,calm\n2,boredom\n3,happy\n4,\n';
    assert.deepEqual(
      await truths(csv, [
        ['Calm', ''],
        ['boredom', 'Other'],
        ['happy', 'anger'],
      ]),
      { rows: ['2=other', '3=angry'], withoutEmotion: ['4'], excludedByMap: ['1'] },
    );
  });

  it('with emotions that the model does not know is refused with all of them', async () => {
    const csv = 'file,emotion,votes_angry,votes_fun\n1,calm,1,1\n2,boredom,1,1\n3,calm,1,1\n4,sad,1,1\n';
    await assert.rejects(truths(csv), (error: Error & { code: string }) => {
      assert.equal(error.code, 'ERR_LABELS');
      assert.match(error.message, /"calm" \(2 clips\), "boredom" \(1 clip\), "sad" \(1 clip\), the column votes_fun\./);
      assert.match(error.message, /angry, happy, other, surprised\. .*--map "calm="/);
      return true;
    });
    assert.throws(() => new LabelVocabulary(CARD, [['calm', 'quiet']]), { code: 'ERR_INVALID_OPTIONS' });
  });

  it('has its votes translated to labels of the model', async () => {
    const csv = 'file,emotion,votes_anger,votes_angry,votes_none\n1,joy,2,1,5\n2,joy,0,,1\n';
    const { rows } = labelRows(await read(csv), new LabelVocabulary(CARD, [['none', '']]));
    assert.deepEqual(
      rows.map(({ votes }) => votes),
      [{ angry: 3 }, undefined],
    );
  });
});

describe('the name of a clip', () => {
  const files = ['a.wav', 'x/a.wav', 'x/b.wav', 'y/b.mp3', 'y/c.d.wav', 'caf\u00e9.wav'];
  const rowsOf = (names: string[]) => names.map((name) => ({ name, truth: '', columns: {}, votes: undefined }));
  const match = (...names: string[]) => matchFiles(rowsOf(names), files);
  const fileOf = (name: string): string | undefined => match(name).clips[0]?.file;

  it('is a path with or without extension, or only the name of a file', () => {
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

  it('matches the path before the name of a file', () => {
    assert.deepEqual(['a.wav', 'a'].map(fileOf), ['a.wav', 'a.wav']);
  });

  it('may match no file, several files, or the file of another row', () => {
    const { clips, missing, ambiguous, repeated, unlabeled } = match('b', 'q.wav', '', 'x/a', 'x/a.wav');
    assert.deepEqual(
      clips.map(({ file }) => file),
      ['x/a.wav'],
    );
    assert.deepEqual([missing, ambiguous, repeated], [['q.wav', ''], ['b'], ['x/a.wav']]);
    assert.deepEqual(
      unlabeled,
      ['a.wav', 'y/c.d.wav', 'caf\u00e9.wav'],
      'files with an ambiguous name are not unlabeled',
    );
    assert.deepEqual(matchFiles([], files, ['b', 'x/a', 'c.d']).unlabeled, ['a.wav', 'caf\u00e9.wav']);
  });
});
