import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { LabelVocabulary } from '../../lib/evaluation/label-vocabulary.js';
import { labelRows, readLabelFile } from '../../lib/evaluation/labels.js';
import type { ModelCard } from '../../lib/model/card.js';
import { allowErrorCodes, type FuzzTarget } from '../target.js';

const CARD = {
  labels: ['angry', 'happy', 'neutral', 'sad'].map((name) => ({ name, en: name, zh: name })),
} as unknown as ModelCard;

const folder = mkdtempSync(path.join(tmpdir(), 'fuzz-labels-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));

export const target: FuzzTarget = {
  seeds: () => [
    Buffer.from('file,emotion\na.wav,angry\nb.wav,Anger\n'),
    Buffer.from('\uFEFFPath;Label;votes_happy;votes_sad\r\n"a;b.wav";joy;3;1\r\n\r\nc.wav;;0;x\r\n'),
    Buffer.from('name\temotion\tgroup\n"two\nlines"\tsad\t1\n'),
    Buffer.from('file,emotion,file,__proto__,constructor\na,sad,b,c,d\n'),
  ],
  dictionary: ['file', 'emotion', 'votes_', '"', '""', '\r\n', '\xef\xbb\xbf', '\x00', '__proto__', ';', '\t'],
  maxBytes: 4096,
  async fuzz(data) {
    const file = path.join(folder, 'labels.csv');
    writeFileSync(file, data);
    const read = await allowErrorCodes(() => readLabelFile(file));
    if (read === undefined) return;
    const labeled = await allowErrorCodes(() => labelRows(read, new LabelVocabulary(CARD, [['other', '']])));
    if (labeled === undefined) return;
    const { rows, withoutEmotion, excludedByMap } = labeled;
    const total = rows.length + withoutEmotion.length + excludedByMap.length;
    if (total !== read.rows.length) throw new Error(`${total} of ${read.rows.length} rows were returned`);
    for (const { name, truth, votes } of rows) {
      if (typeof name !== 'string') throw new Error(`the name of a clip is ${typeof name}`);
      if (!CARD.labels.some((label) => label.name === truth))
        throw new Error(`the true label is ${truth}, which is not a label of the model`);
      for (const count of Object.values(votes ?? {})) {
        if (!Number.isFinite(count) || count <= 0) throw new Error(`${count} votes`);
      }
    }
  },
};
