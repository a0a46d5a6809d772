import { readFileSync } from 'node:fs';

import { utf8Of } from '../audio/input/file-url.js';

/**
 * Names of files are bytes, and not all of them are UTF-8. In text, a byte that is not UTF-8 becomes an unpaired surrogate
 * (U+DC80 to U+DCFF), as in Python's surrogateescape. Such text can be sorted, split and matched like any other, and can be
 * converted back to the bytes.
 */
const ESCAPE = 0xdc00;
const ESCAPED = /[\udc80-\udcff]/u;

export function nameOfBytes(bytes: Uint8Array): string {
  const whole = utf8Of(bytes);
  if (whole !== undefined) return whole;
  let name = '';
  for (let at = 0; at < bytes.length;) {
    const character = [1, 2, 3, 4]
      .map((size) => bytes.subarray(at, at + size))
      .find((part) => utf8Of(part) !== undefined);
    name += character === undefined ? String.fromCharCode(ESCAPE + bytes[at]!) : utf8Of(character);
    at += character?.length ?? 1;
  }
  return name;
}

/** Converts a name to what node:fs takes: text if the name is UTF-8, bytes otherwise. */
export function pathOfName(name: string): string | Buffer {
  return isUtf8(name) ? name : bytesOfName(name);
}

export function bytesOfName(name: string): Buffer {
  const parts = Array.from(name, (character) =>
    ESCAPED.test(character) ? Buffer.from([character.charCodeAt(0) - ESCAPE]) : Buffer.from(character),
  );
  return Buffer.concat(parts);
}

export function isUtf8(name: string): boolean {
  return !ESCAPED.test(name);
}

/**
 * Restores names among the arguments of this process. Node replaces bytes that are not UTF-8 with U+FFFD; /proc still holds the
 * original bytes.
 */
export function namesOfArguments(args: readonly string[]): string[] {
  if (!args.some((text) => text.includes('\ufffd'))) return [...args];
  const raw = rawArguments();
  return args.map((text) => {
    const index = text.includes('\ufffd') ? raw.findIndex((bytes) => bytes.toString('utf8') === text) : -1;
    return index < 0 ? text : nameOfBytes(raw.splice(index, 1)[0]!);
  });
}

function rawArguments(): Buffer[] {
  try {
    const line = readFileSync('/proc/self/cmdline');
    const parts: Buffer[] = [];
    for (let at = 0; at < line.length;) {
      const end = line.indexOf(0, at);
      parts.push(line.subarray(at, end));
      at = end + 1;
    }
    return parts;
  } catch {
    return []; // there is no /proc
  }
}
