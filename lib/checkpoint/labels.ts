import { openRegular, readUpTo } from '../archive/regular-file.js';
import type { ModelLabel } from '../model/card.js';
import { EmotionError, messageOf } from '../shared/errors.js';
import { shown } from '../shared/text.js';

/** Maximum size of a tokens.txt. That of emotion2vec+ has 126 bytes. */
const MAX_BYTES = 2 ** 20;
/** Maximum length of a label. It becomes the name of a column and a line of the page. */
const MAX_LABEL = 100;

/**
 * Reads the labels of a tokens.txt, one in each line: `生气/angry` (Chinese, English), `<unk>`, or a name that begins with `unuse`
 * for a class that never wins.
 * @throws EmotionError ERR_CHECKPOINT if it cannot be read, or does not contain `count` different labels
 */
export async function readLabels(file: string, count: number): Promise<ModelLabel[]> {
  const refuse = (why: string, cause?: unknown): EmotionError =>
    new EmotionError('ERR_CHECKPOINT', `${shown(file)} ${why}`, { cause });
  const bytes = await readShort(file).catch((cause: unknown) => {
    const why = shown(messageOf(cause));
    throw new EmotionError('ERR_CHECKPOINT', `The labels in ${shown(file)} could not be read (${why})`, { cause });
  });
  if (bytes === undefined) throw refuse(`has more than ${MAX_BYTES} bytes`);
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    throw refuse('is not UTF-8 text', cause);
  }
  const lines = text
    .split(/\r\n?|\n/)
    .map((line) => line.trim())
    .filter((line) => line !== '');
  if (lines.length !== count) throw refuse(`has ${lines.length} labels, and the checkpoint has ${count}`);
  const odd = lines.find((line) => line.length > MAX_LABEL || /\p{Cc}/u.test(line));
  if (odd !== undefined) throw refuse(`has a label that is not valid: ${shown(odd, 40)}`);
  const labels = lines.map(parseLabel);
  const names = new Set<string>();
  for (const label of labels) {
    while (names.has(label.name) && label.unused) label.name += '_';
    if (names.has(label.name)) throw refuse(`has the label ${label.name} twice`);
    names.add(label.name);
  }
  if (labels.every((label) => label.unused)) throw refuse('marks all labels as unused');
  return labels;
}

/** Returns the content of a file; undefined if it has more than MAX_BYTES. */
async function readShort(file: string): Promise<Buffer | undefined> {
  const { file: handle } = await openRegular(file);
  try {
    const buffer = Buffer.alloc(MAX_BYTES + 1);
    const bytes = await readUpTo(handle, 0, buffer, buffer.length);
    return bytes > MAX_BYTES ? undefined : buffer.subarray(0, bytes);
  } finally {
    await handle.close();
  }
}

function parseLabel(line: string): ModelLabel {
  if (line === '<unk>') return { name: 'unknown', en: 'unknown', zh: '未知', unused: false };
  if (line.startsWith('unuse')) return { name: line, en: line, zh: line, unused: true };
  const slash = line.indexOf('/');
  const zh = slash > 0 ? line.slice(0, slash).trim() : line;
  const en = slash > 0 ? line.slice(slash + 1).trim() || zh : line;
  return { name: en, en, zh, unused: false };
}
