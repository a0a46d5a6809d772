import path from 'node:path';

/** Maximum length of external text that a message quotes: an input, a name or a value. */
const MAX_LENGTH = 200;

/** Characters that start a new line, move the cursor or change the direction of text, and unpaired surrogates. */
// eslint-disable-next-line no-control-regex
const UNSAFE = /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]|\p{Surrogate}/gu;

const SHORT: Record<string, string> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };

/** Returns external text on one line. Characters that control a terminal or a log are escaped. */
export function printable(text: string): string {
  return text.replace(UNSAFE, (c) => SHORT[c] ?? `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/**
 * Returns external text in the form in which messages quote it: on one line, and without its middle if it is long. Every message
 * that quotes an input, a path, the value of an option, a label or the text of a file uses this function.
 */
export function shown(text: string, maxLength = MAX_LENGTH): string {
  if (text.length <= maxLength) {
    const whole = printable(text);
    if (whole.length <= maxLength) return whole;
  }
  const head = Math.ceil((maxLength - 1) / 2);
  const tail = maxLength - 1 - head;
  return `${fitting([...text.slice(0, head)], head)}…${fitting([...text.slice(-tail)].reverse(), tail, true)}`;
}

/** Returns the leading characters that fit once they are escaped. */
function fitting(characters: readonly string[], room: number, reversed = false): string {
  const taken: string[] = [];
  let left = room;
  for (const character of characters) {
    const escaped = printable(character);
    left -= escaped.length;
    if (left < 0) break;
    taken.push(escaped);
  }
  return (reversed ? taken.reverse() : taken).join('');
}

/** Describes the type of a value for a message. The value itself is never shown. */
export function kindOf(value: unknown): string {
  if (value === null) return 'null';
  if (typeof value !== 'object') return value === undefined ? 'undefined' : `a ${typeof value}`;
  const name: unknown = (value.constructor as { name?: unknown } | undefined)?.name;
  return typeof name === 'string' && name !== '' ? `an object of type ${shown(name, 40)}` : 'an object';
}

/** The folder of this package, and the folders of other packages. */
const ROOT = path.resolve(__dirname, '../..');
const PACKAGES = /(?:file:\/\/)?\/[^'"\n]*?\/node_modules\//g;

/** Removes the paths of the installation, which do not help the reader, from a message of Node or another package. */
export function withoutPaths(message: string): string {
  const [first = ''] = message.split('\n'); // Node appends the files that required a missing module
  return first.replaceAll(`file://${ROOT}/`, '').replaceAll(`${ROOT}/`, '').replace(PACKAGES, '');
}
