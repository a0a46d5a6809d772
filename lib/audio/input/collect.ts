import { onAbort } from '../../shared/abort.js';
import { EmotionError, messageOf } from '../../shared/errors.js';
import { explainTooLarge, fileError } from '../../shared/file-error.js';
import { kindOf, shown } from '../../shared/text.js';
import { type ByteSource, type SourceChunk, StreamConsumedError } from './byte-source.js';
import { bytesOf } from './bytes.js';

/** Milliseconds for which a source whose chunks are available at once may occupy the event loop. */
const MAX_BUSY_MS = 10;

/** Sizes in bytes of the buffers in which chunks are collected. */
const BUFFER_BYTES = { min: 2 ** 16, max: 2 ** 24 };

export interface CollectOptions {
  /** The clip's name in error messages. */
  name: string;
  maxBytes: number;
  signal: AbortSignal | undefined;
}

/**
 * Reads all bytes of a source. The source is stopped if its end is not reached. Each chunk is copied before the next one is
 * requested, because the source may reuse its memory.
 * @throws TypeError for chunks that are not bytes; the signal's reason
 * @throws EmotionError ERR_FILE_READ or ERR_FILE_NOT_FOUND, whose cause is the error of the source; ERR_AUDIO_TOO_LONG
 */
export async function collect(source: ByteSource, { name, maxBytes, signal }: CollectOptions): Promise<Uint8Array> {
  const all = new GrowingBytes();
  let abort: (reason: unknown) => void = () => undefined;
  const unfollow = signal && onAbort(signal, () => abort(signal.reason));
  const next = () =>
    new Promise<SourceChunk>((resolve, reject) => {
      abort = reject;
      source.next().then(resolve, (error: unknown) => reject(streamError(error, name)));
    });
  let begin = performance.now();
  try {
    for (;;) {
      signal?.throwIfAborted();
      const { done, value } = await next();
      if (done) return all.joined();
      const chunk = bytesOf(value);
      if (chunk === undefined)
        throw new TypeError(`${name} must be a stream of byte chunks; received ${kindOf(value)}`);
      if (all.size + chunk.length > maxBytes) throw EmotionError.from(explainTooLarge(name, undefined, maxBytes));
      all.append(chunk);
      if (performance.now() - begin > MAX_BUSY_MS) {
        await new Promise((resolve) => setImmediate(resolve));
        begin = performance.now();
      }
    }
  } finally {
    unfollow?.();
    source.stop();
  }
}

/** Returns the error for a source that failed. */
export function streamError(cause: unknown, name: string): Error {
  if (cause instanceof StreamConsumedError) return cause;
  if ((cause as NodeJS.ErrnoException | undefined)?.syscall !== undefined) return fileError(cause, name);
  return new EmotionError('ERR_FILE_READ', `${name} cannot be read: ${shown(messageOf(cause))}`, {
    cause,
    remedy: 'Check the source of the stream.',
  });
}

/** Collects chunks into one array. A million chunks of one byte take no more memory than one chunk of a million bytes. */
class GrowingBytes {
  readonly #buffers: Uint8Array[] = [];
  /** Number of bytes in the last buffer. */
  #used = 0;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  append(chunk: Uint8Array): void {
    for (let at = 0; at < chunk.length;) {
      let last = this.#buffers.at(-1);
      if (last === undefined || this.#used === last.length) {
        const size = Math.max(BUFFER_BYTES.min, chunk.length - at, this.#size);
        last = new Uint8Array(Math.min(BUFFER_BYTES.max, size));
        this.#buffers.push(last);
        this.#used = 0;
      }
      const part = chunk.subarray(at, at + last.length - this.#used);
      last.set(part, this.#used);
      this.#used += part.length;
      this.#size += part.length;
      at += part.length;
    }
  }

  /** Returns all bytes. May be called once, because it releases the buffers as it copies them. */
  joined(): Uint8Array {
    const all = new Uint8Array(this.#size);
    for (let at = 0; at < all.length;) {
      const buffer = this.#buffers.shift()!;
      all.set(buffer.subarray(0, all.length - at), at);
      at += buffer.length;
    }
    return all;
  }
}
