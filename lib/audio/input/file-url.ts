import { EmotionError } from '../../shared/errors.js';
import { shown } from '../../shared/text.js';

/** Characters that need no percent-encoding in the path of a URL. */
const UNESCAPED = /[A-Za-z0-9/._~-]/;

/**
 * Returns the path of a `file:` URL: a string, or bytes if the percent-encoded name is not UTF-8. (Node's `fileURLToPath`
 * supports UTF-8 only.)
 * @throws TypeError if the URL has a host, or characters that no path can contain
 */
export function pathOfUrl({ href }: { readonly href: string }): string | Buffer {
  const { host, pathname } = new URL(href);
  if (host !== '')
    throw new TypeError(`The file URL ${shown(href)} has a host; only files of this machine can be read`);
  if (/%2f|%00/i.test(pathname)) throw new TypeError(`The file URL ${shown(href)} contains an encoded / or NUL`);
  const bytes = percentDecoded(pathname);
  const text = utf8Of(bytes);
  return text ?? bytes;
}

/** Returns the `file:` URL of an absolute path. */
export function urlOfPath(path: Uint8Array): string {
  const encode = (byte: number) => {
    const character = String.fromCharCode(byte);
    return UNESCAPED.test(character) ? character : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  };
  return `file://${Array.from(path, encode).join('')}`;
}

/** Decodes UTF-8. Returns undefined if the bytes are not valid UTF-8. */
export function utf8Of(bytes: Uint8Array): string | undefined {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');
  return Buffer.from(text).equals(bytes) ? text : undefined;
}

/**
 * Returns the content of a `data:` URL.
 * @throws EmotionError ERR_AUDIO_DECODE
 */
export function bytesOfDataUrl(url: string): Buffer {
  const comma = url.indexOf(',');
  if (comma < 0) throw invalidDataUrl('has no comma');
  const bytes = percentDecoded(url.slice(comma + 1));
  if (!/;\s*base64\s*$/i.test(url.slice(0, comma))) return bytes;
  const text = bytes.toString('latin1').replace(/\s+/g, '');
  if (!/^[A-Za-z0-9+/_-]*={0,2}$/.test(text)) throw invalidDataUrl('is not valid base64');
  return Buffer.from(text, 'base64');
}

function invalidDataUrl(how: string): EmotionError {
  return new EmotionError('ERR_AUDIO_DECODE', `The data: URL ${how}`, {
    remedy: 'Use data:audio/wav;base64, followed by the bytes of a file in base64.',
  });
}

function percentDecoded(text: string): Buffer {
  const plain = Buffer.from(text);
  if (!plain.includes(0x25)) return plain;
  const bytes = Buffer.alloc(plain.length);
  let size = 0;
  for (let at = 0; at < plain.length; at++) {
    const digits = plain[at] === 0x25 ? plain.toString('latin1', at + 1, at + 3) : '';
    const escaped = /^[0-9a-f]{2}$/i.test(digits);
    bytes[size++] = escaped ? parseInt(digits, 16) : plain[at]!;
    if (escaped) at += 2;
  }
  return bytes.subarray(0, size);
}
