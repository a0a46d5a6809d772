import { readFile } from 'node:fs/promises';

import { EmotionError, messageOf } from '../errors.js';
import type { ModelCard } from '../model/card.js';

export type Label = ModelCard['labels'][number];

/**
 * The labels of a tokens.txt, a line each: `生气/angry` (Chinese, English), `<unk>`, or a name that begins with `unuse` for a
 * class that never wins.
 * @throws EmotionError ERR_CHECKPOINT when it cannot be read or does not have `count` lines that differ
 */
export async function readLabels(file: string, count: number): Promise<Label[]> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (cause) {
    throw new EmotionError('ERR_CHECKPOINT', `The labels in ${file} could not be read (${messageOf(cause)})`, {
      cause,
    });
  }
  const lines = text
    .replace(/^\ufeff/, '')
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
  if (lines.length !== count) {
    throw new EmotionError('ERR_CHECKPOINT', `${file} has ${lines.length} labels, the checkpoint ${count}`);
  }
  const labels = lines.map(parseLabel);
  const names = new Set<string>();
  for (const label of labels) {
    while (names.has(label.name) && label.unused) label.name += '_';
    if (names.has(label.name)) throw new EmotionError('ERR_CHECKPOINT', `${file} has the label ${label.name} twice`);
    names.add(label.name);
  }
  if (labels.every((label) => label.unused)) throw new EmotionError('ERR_CHECKPOINT', `${file} has no label in use`);
  return labels;
}

function parseLabel(line: string): Label {
  if (line === '<unk>') return { name: 'unknown', en: 'unknown', zh: '未知', unused: false };
  if (line.startsWith('unuse')) return { name: line, en: line, zh: line, unused: true };
  const slash = line.indexOf('/');
  const zh = slash > 0 ? line.slice(0, slash).trim() : line;
  const en = slash > 0 ? line.slice(slash + 1).trim() || zh : line;
  return { name: en, en, zh, unused: false };
}
