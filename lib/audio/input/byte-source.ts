import { closeSync, constants, openSync } from 'node:fs';
import { Socket } from 'node:net';
import { Readable } from 'node:stream';

import { fileError } from '../../shared/file-error.js';
import type { AudioWebStream } from '../pcm.js';

/** A piece of bytes, or the end. */
export interface Piece {
  done?: boolean | undefined;
  value?: unknown;
}

/** Where bytes come from, piece by piece. It is read once. */
export class ByteSource {
  readonly #next: () => Promise<Piece>;
  readonly #stop: () => void;
  #over = false;

  /**
   * @param next the next piece, asked for when the last one is there
   * @param stop nobody wants more of it: called at most once, and not after its end or its error
   */
  constructor(next: () => Promise<Piece>, stop: () => void) {
    this.#next = next;
    this.#stop = stop;
  }

  async next(): Promise<Piece> {
    try {
      const piece = await this.#next();
      if (piece.done) this.#over = true;
      return piece;
    } catch (error) {
      this.#over = true;
      throw error;
    }
  }

  /** May be called again, without effect. What stopping it throws is of no use to a call that has its own end. */
  stop(): void {
    if (this.#over) return;
    this.#over = true;
    try {
      this.#stop();
    } catch {
      // see above
    }
  }
}

/** Streams and iterators that a call has: another call would get what is left of them. */
const taken = new WeakSet<object>();

/** @throws TypeError for one that gives objects, or was read already */
export function nodeSource(given: NodeJS.ReadableStream): ByteSource {
  const stream = Symbol.asyncIterator in given ? (given as Readable) : new Readable().wrap(given);
  if (stream.readableObjectMode) throw new TypeError('The stream is in object mode, and one of bytes is expected');
  const errored = () => stream.errored as Error | null | undefined; // undefined in streams of libraries
  if (!errored() && (stream.readableEnded || stream.destroyed)) throw new ReadAlready();
  take(given);
  // An error that comes before its turn would have no listener, and end the process; reading it meets the error again.
  stream.on('error', () => undefined);
  let iterator: AsyncIterator<unknown> | undefined;
  const next = async () => {
    const error = errored();
    if (error) throw error;
    return (iterator ??= stream[Symbol.asyncIterator]()).next();
  };
  // Its iterator's return() would wait for the piece that was asked for last.
  return new ByteSource(next, () => void stream.destroy());
}

/** @throws TypeError for one that is locked, or was read already */
export function webSource(stream: AudioWebStream): ByteSource {
  if (stream.locked) throw new TypeError('The stream is locked: another reader has it');
  take(stream);
  const disturbed = Readable.isDisturbed(stream as unknown as Readable); // web streams too, which its type leaves out
  let reader: ReturnType<AudioWebStream['getReader']> | undefined;
  let empty = true;
  const open = () => (reader ??= stream.getReader());
  const next = async () => {
    const piece = await open().read();
    if (piece.done && empty && disturbed) throw new ReadAlready();
    empty = false;
    return piece;
  };
  return new ByteSource(next, () => void open().cancel().catch(ignore));
}

/** @throws TypeError for an iterator that was read already */
export function iterableSource(values: Iterable<unknown> | AsyncIterable<unknown>): ByteSource {
  const own = 'next' in values; // a generator: it cannot be read again, as an array can
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
 * A pipe that has a name. Opened without waiting for a writer, which would hold a thread that nothing can stop; read as sockets
 * are, so that who waits for a writer can be stopped.
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

/** @throws TypeError where a call has it already */
function take(stream: object): void {
  if (taken.has(stream)) throw new ReadAlready();
  taken.add(stream);
}

/** Misuse, which what a source throws by itself is not. */
export class ReadAlready extends TypeError {
  constructor() {
    super('The stream was read or closed already: its bytes are gone');
    this.name = 'TypeError';
  }
}

function ignore(): void {
  // What stopping a source rejects with is of no use either.
}
