import path from 'node:path';

/** Characters of an input, a name or a value from elsewhere that a message repeats. */
const MOST = 200;

/** What would start a new line, move the cursor, or turn the direction of the text around it; and halves of characters. */
// eslint-disable-next-line no-control-regex
const UNSAFE = /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]|\p{Surrogate}/gu;

const SHORT: Record<string, string> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };

/** Text from elsewhere on one line: what a terminal or a log would obey is escaped. */
export function printable(text: string): string {
  return text.replace(UNSAFE, (c) => SHORT[c] ?? `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/**
 * Text from elsewhere as a message quotes it: on one line, and with its middle left out where it is long. Every message that
 * quotes an input, a path, the value of an option, a label or the text of a file shows it by this.
 */
export function shown(text: string, most = MOST): string {
  if (text.length <= most) {
    const whole = printable(text);
    if (whole.length <= most) return whole;
  }
  const head = Math.ceil((most - 1) / 2);
  const tail = most - 1 - head;
  return `${fitting([...text.slice(0, head)], head)}…${fitting([...text.slice(-tail)].reverse(), tail, true)}`;
}

/** As many of the characters, escaped, as there is room for. */
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

/** A value's type, for messages about it: never the value. */
export function kindOf(value: unknown): string {
  if (value === null) return 'null';
  if (typeof value !== 'object') return value === undefined ? 'undefined' : `a ${typeof value}`;
  const name: unknown = (value.constructor as { name?: unknown } | undefined)?.name;
  return typeof name === 'string' && name !== '' ? `an object of type ${shown(name, 40)}` : 'an object';
}

/** The folder of the package, from that of this file; and those of packages, beside it or above. */
const ROOT = path.resolve(__dirname, '../..');
const PACKAGES = /(?:file:\/\/)?\/[^'"\n]*?\/node_modules\//g;

/** A message of somebody else's without the paths of the installation, which are of no use to who reads it. */
export function withoutPaths(message: string): string {
  const [first = ''] = message.split('\n'); // Node's go on with the files that asked for the missing one
  return first.replaceAll(`file://${ROOT}/`, '').replaceAll(`${ROOT}/`, '').replace(PACKAGES, '');
}
