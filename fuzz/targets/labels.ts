import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { readLabelFile, labelRows, Words } from '../../lib/evaluation/labels.js';
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
    const labelled = await allowErrorCodes(() => labelRows(read, new Words(CARD, [['other', '']])));
    if (labelled === undefined) return;
    const { rows, empty, leftOut } = labelled;
    const accounted = rows.length + empty.length + leftOut.length;
    if (accounted !== read.rows.length) throw new Error(`${accounted} of ${read.rows.length} rows`);
    for (const { name, truth, votes } of rows) {
      if (typeof name !== 'string') throw new Error(`a clip's name is ${typeof name}`);
      if (!CARD.labels.some((label) => label.name === truth)) throw new Error(`the truth is ${truth}`);
      for (const count of Object.values(votes ?? {})) {
        if (!Number.isFinite(count) || count <= 0) throw new Error(`${count} votes`);
      }
    }
  },
};
