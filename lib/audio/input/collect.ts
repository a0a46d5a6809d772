import { onAbort } from '../../shared/abort.js';
import { EmotionError, messageOf } from '../../shared/errors.js';
import { explainTooLarge, fileError } from '../../shared/file-error.js';
import { kindOf, shown } from '../../shared/text.js';
import { type ByteSource, type Piece, ReadAlready } from './byte-source.js';
import { bytesOf } from './bytes.js';

/** Milliseconds that a source whose pieces are there at once may keep the event loop. */
const TURN_MS = 10;

/** Bytes of the blocks that pieces are collected in. */
const BLOCK = { least: 2 ** 16, most: 2 ** 24 };

export interface CollectOptions {
  /** Of the clip, in errors. */
  name: string;
  maxBytes: number;
  signal: AbortSignal | undefined;
}

/**
 * All bytes of a source, which is stopped where its end is not reached. A piece is copied as soon as it is there, since who gives
 * it may use its memory again, and the next one is asked for only then.
 * @throws TypeError for pieces that are no bytes; the signal's reason
 * @throws EmotionError ERR_FILE_READ or ERR_FILE_NOT_FOUND with what the source threw as its cause; ERR_AUDIO_TOO_LONG
 */
export async function collect(source: ByteSource, { name, maxBytes, signal }: CollectOptions): Promise<Uint8Array> {
  const all = new GrowingBytes();
  let abort: (reason: unknown) => void = () => undefined;
  const unfollow = signal && onAbort(signal, () => abort(signal.reason));
  const next = () =>
    new Promise<Piece>((resolve, reject) => {
      abort = reject;
      source.next().then(resolve, (error: unknown) => reject(streamError(error, name)));
    });
  let begin = performance.now();
  try {
    for (;;) {
      signal?.throwIfAborted();
      const { done, value } = await next();
      if (done) return all.joined();
      const piece = bytesOf(value);
      if (piece === undefined) throw new TypeError(`${name} must come in pieces of bytes, got ${kindOf(value)}`);
      if (all.size + piece.length > maxBytes) throw EmotionError.from(explainTooLarge(name, undefined, maxBytes));
      all.append(piece);
      if (performance.now() - begin > TURN_MS) {
        await new Promise((resolve) => setImmediate(resolve));
        begin = performance.now();
      }
    }
  } finally {
    unfollow?.();
    source.stop();
  }
}

/** What is wrong with bytes that could not be read to their end. */
export function streamError(cause: unknown, name: string): Error {
  if (cause instanceof ReadAlready) return cause;
  if ((cause as NodeJS.ErrnoException | undefined)?.syscall !== undefined) return fileError(cause, name);
  return new EmotionError('ERR_FILE_READ', `${name} cannot be read: ${shown(messageOf(cause))}`, {
    cause,
    remedy: 'Check where its bytes come from.',
  });
}

/** Pieces of any size in one array of bytes: a million pieces of a byte take no more memory than one of a million. */
class GrowingBytes {
  readonly #blocks: Uint8Array[] = [];
  /** Of the last block. */
  #used = 0;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  append(piece: Uint8Array): void {
    for (let at = 0; at < piece.length;) {
      let last = this.#blocks.at(-1);
      if (last === undefined || this.#used === last.length) {
        const size = Math.max(BLOCK.least, piece.length - at, this.#size);
        last = new Uint8Array(Math.min(BLOCK.most, size));
        this.#blocks.push(last);
        this.#used = 0;
      }
      const part = piece.subarray(at, at + last.length - this.#used);
      last.set(part, this.#used);
      this.#used += part.length;
      this.#size += part.length;
      at += part.length;
    }
  }

  /** All of them, once. */
  joined(): Uint8Array {
    const all = new Uint8Array(this.#size);
    for (let at = 0; at < all.length;) {
      const block = this.#blocks.shift()!;
      all.set(block.subarray(0, all.length - at), at);
      at += block.length;
    }
    return all;
  }
}
