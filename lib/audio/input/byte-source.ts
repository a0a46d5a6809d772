import { closeSync, constants, openSync } from 'node:fs';
import { Socket } from 'node:net';
import { Readable } from 'node:stream';

import { fileError } from '../../shared/file-error.js';
import type { AudioWebStream } from '../pcm.js';

/** A chunk of bytes, or the end of a stream. */
export interface SourceChunk {
  done?: boolean | undefined;
  value?: unknown;
}

/** A stream of byte chunks that can be read once. */
export class ByteSource {
  readonly #next: () => Promise<SourceChunk>;
  readonly #stop: () => void;
  #over = false;

  /**
   * @param next returns the next chunk; called only after the previous one has arrived
   * @param stop cancels the stream; called at most once, and not after its end or an error
   */
  constructor(next: () => Promise<SourceChunk>, stop: () => void) {
    this.#next = next;
    this.#stop = stop;
  }

  async next(): Promise<SourceChunk> {
    try {
      const chunk = await this.#next();
      if (chunk.done) this.#over = true;
      return chunk;
    } catch (error) {
      this.#over = true;
      throw error;
    }
  }

  /** Cancels the stream. Further calls have no effect. Errors during cancellation are ignored: the call has its own result. */
  stop(): void {
    if (this.#over) return;
    this.#over = true;
    try {
      this.#stop();
    } catch {
      // errors during cancellation are ignored
    }
  }
}

/** Streams and iterators that a call has taken. Another call would get only the rest of them. */
const taken = new WeakSet<object>();

/** @throws TypeError if the stream is in object mode or was already read */
export function nodeSource(given: NodeJS.ReadableStream): ByteSource {
  const stream = Symbol.asyncIterator in given ? (given as Readable) : new Readable().wrap(given);
  if (stream.readableObjectMode) throw new TypeError('The stream is in object mode; a stream of bytes is required');
  const errored = () => stream.errored as Error | null | undefined; // undefined in the streams of some libraries
  if (!errored() && (stream.readableEnded || stream.destroyed)) throw new StreamConsumedError();
  take(given);
  // Without a listener, an error before the stream is read would end the process. Reading reports the error again.
  stream.on('error', () => undefined);
  let iterator: AsyncIterator<unknown> | undefined;
  const next = async () => {
    const error = errored();
    if (error) throw error;
    return (iterator ??= stream[Symbol.asyncIterator]()).next();
  };
  // The iterator's return() would wait for the pending chunk.
  return new ByteSource(next, () => void stream.destroy());
}

/** @throws TypeError if the stream is locked or was already read */
export function webSource(stream: AudioWebStream): ByteSource {
  if (stream.locked) throw new TypeError('The stream is locked to another reader');
  take(stream);
  const disturbed = Readable.isDisturbed(stream as unknown as Readable); // supports web streams too, although its type does not say so
  let reader: ReturnType<AudioWebStream['getReader']> | undefined;
  let empty = true;
  const open = () => (reader ??= stream.getReader());
  const next = async () => {
    const chunk = await open().read();
    if (chunk.done && empty && disturbed) throw new StreamConsumedError();
    empty = false;
    return chunk;
  };
  return new ByteSource(next, () => void open().cancel().catch(ignore));
}

/** @throws TypeError if the iterator was already read */
export function iterableSource(values: Iterable<unknown> | AsyncIterable<unknown>): ByteSource {
  const own = 'next' in values; // a generator, which cannot be read twice as an array can
  if (own) take(values);
  let iterator: Iterator<unknown> | AsyncIterator<unknown> | undefined;
  const open = () =>
    (iterator ??= Symbol.asyncIterator in values ? values[Symbol.asyncIterator]() : values[Symbol.iterator]());
  const stop = () => {
    if (own || iterator !== undefined) void Promise.resolve(open().return?.()).catch(ignore);
  };
  return new ByteSource(async () => open().next(), stop);
}

/**
 * Opens a named pipe. It is opened without waiting for a writer, because that would block a thread that nothing can stop. It is
 * read like a socket, so that waiting for a writer can be cancelled.
 * @throws EmotionError ERR_FILE_READ
 */
export function pipeSource(path: string | Buffer, name: string): ByteSource {
  let fd: number | undefined;
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    return nodeSource(new Socket({ fd, readable: true, writable: false }));
  } catch (error) {
    if (fd !== undefined) closeSync(fd);
    throw fileError(error, name);
  }
}

/** @throws TypeError if another call has taken the stream */
function take(stream: object): void {
  if (taken.has(stream)) throw new StreamConsumedError();
  taken.add(stream);
}

/** The caller passed a stream that was already read. Errors that a stream throws itself are of other classes. */
export class StreamConsumedError extends TypeError {
  constructor() {
    super('The stream was already read or closed');
    this.name = 'TypeError';
  }
}

function ignore(): void {
  // Errors during cancellation are ignored.
}
