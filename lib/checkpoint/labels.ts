import { openRegular, readUpTo } from '../archive/regular-file.js';
import { EmotionError, messageOf } from '../shared/errors.js';
import { brief } from '../archive/brief.js';
import type { ModelCard } from '../model/card.js';

export type Label = ModelCard['labels'][number];

/** Of a tokens.txt: emotion2vec+'s has 126. */
const MOST_BYTES = 2 ** 20;
/** Characters of a label. It becomes a column's name and a line of the page. */
const MOST_LABEL = 100;

/**
 * The labels of a tokens.txt, a line each: `生气/angry` (Chinese, English), `<unk>`, or a name that begins with `unuse` for a
 * class that never wins.
 * @throws EmotionError ERR_CHECKPOINT when it cannot be read or does not have `count` lines that differ
 */
export async function readLabels(file: string, count: number): Promise<Label[]> {
  const refuse = (why: string, cause?: unknown): EmotionError =>
    new EmotionError('ERR_CHECKPOINT', `${brief(file)} ${why}`, { cause });
  const bytes = await readShort(file).catch((cause: unknown) => {
    const why = brief(messageOf(cause));
    throw new EmotionError('ERR_CHECKPOINT', `The labels in ${brief(file)} could not be read (${why})`, { cause });
  });
  if (bytes === undefined) throw refuse(`has more than ${MOST_BYTES} bytes`);
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    throw refuse('is not text in UTF-8', cause);
  }
  const lines = text
    .split(/\r\n?|\n/)
    .map((line) => line.trim())
    .filter((line) => line !== '');
  if (lines.length !== count) throw refuse(`has ${lines.length} labels, the checkpoint ${count}`);
  const odd = lines.find((line) => line.length > MOST_LABEL || /\p{Cc}/u.test(line));
  if (odd !== undefined) throw refuse(`has a label that is none: ${brief(odd, 40)}`);
  const labels = lines.map(parseLabel);
  const names = new Set<string>();
  for (const label of labels) {
    while (names.has(label.name) && label.unused) label.name += '_';
    if (names.has(label.name)) throw refuse(`has the label ${label.name} twice`);
    names.add(label.name);
  }
  if (labels.every((label) => label.unused)) throw refuse('has no label in use');
  return labels;
}

/** The whole of a file; undefined where it has more than MOST_BYTES. */
async function readShort(file: string): Promise<Buffer | undefined> {
  const { file: handle } = await openRegular(file);
  try {
    const buffer = Buffer.alloc(MOST_BYTES + 1);
    const bytes = await readUpTo(handle, 0, buffer, buffer.length);
    return bytes > MOST_BYTES ? undefined : buffer.subarray(0, bytes);
  } finally {
    await handle.close();
  }
}

function parseLabel(line: string): Label {
  if (line === '<unk>') return { name: 'unknown', en: 'unknown', zh: '未知', unused: false };
  if (line.startsWith('unuse')) return { name: line, en: line, zh: line, unused: true };
  const slash = line.indexOf('/');
  const zh = slash > 0 ? line.slice(0, slash).trim() : line;
  const en = slash > 0 ? line.slice(slash + 1).trim() || zh : line;
  return { name: en, en, zh, unused: false };
}
