import { randomBytes } from 'node:crypto';
import { type FileHandle, mkdir, open, readdir, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import type { Readable } from 'node:stream';

import { EmotionError } from '../shared/errors.js';
import { isAlive } from '../shared/process.js';
import { HttpError, shortened } from './errors.js';

/** Uploads up to this size stay in memory, */
const SMALL_BYTES = 256 * 1024;
/** as long as all of them together are not more than this. */
const MEMORY_BYTES = 16 * 2 ** 20;
/** What nobody has touched for an hour nobody will. */
const STALE_MS = 3_600_000;

/** A recording on its way through the server. */
export interface Upload {
  /** A path, or its bytes where they are few. */
  source: string | Uint8Array;
  /** What the client calls it. */
  name: string;
  bytes: number;
  /** Gives back what it takes. May be called again, without effect; never rejects. */
  remove(): Promise<void>;
}

/**
 * Where uploads are until they were heard: on the disk, where the decoder reads them, but for small ones. The folder is this
 * process's own; others clear it away should this one die.
 */
export class Spool {
  readonly #root: string;
  readonly #folder: string;
  readonly #maxBytes: number;
  readonly #clearing: NodeJS.Timeout;
  /** In memory, of all uploads. */
  #held = 0;

  /** @param root a folder that may be shared with other servers */
  constructor(root: string, maxBytes: number) {
    this.#root = root;
    void this.#clearAway();
    this.#clearing = setInterval(() => void this.#clearAway(), STALE_MS).unref();
    this.#folder = path.join(root, `uploads-${process.pid}-${randomBytes(4).toString('hex')}`);
    this.#maxBytes = maxBytes;
  }

  /** Of uploads, in memory. */
  get heldBytes(): number {
    return this.#held;
  }

  /**
   * Takes an upload in. One that is too large is read to its end all the same, and thrown away: answered before that, a client
   * that writes on may be cut off before it has read the answer.
   * @throws HttpError ERR_UPLOAD_TOO_LARGE; EmotionError ERR_FILE_WRITE; what the stream throws. Nothing stays then.
   */
  async take(content: Readable, name: string, signal: AbortSignal): Promise<Upload> {
    let bytes = 0;
    const pieces: Buffer[] = [];
    let file: { path: string; handle: FileHandle } | undefined;
    const letGo = (): void => {
      for (const piece of pieces.splice(0)) this.#held -= piece.length;
    };
    // Destroyed, the stream ends the loop below whatever it is waiting for.
    const stop = (): void => void content.destroy(signal.reason as Error);
    signal.addEventListener('abort', stop, { once: true });
    try {
      signal.throwIfAborted();
      for await (const piece of content as AsyncIterable<Buffer>) {
        bytes += piece.length;
        if (bytes > this.#maxBytes) {
          letGo();
          continue;
        }
        pieces.push(piece);
        this.#held += piece.length;
        if (file === undefined && bytes <= SMALL_BYTES && this.#held <= MEMORY_BYTES) continue;
        file ??= await this.#open();
        for (const each of pieces) await file.handle.appendFile(each);
        letGo();
      }
      if (bytes > this.#maxBytes) throw this.#tooLarge(name);
      await file?.handle.close();
    } catch (error) {
      letGo();
      await file?.handle.close().catch(() => undefined);
      if (file !== undefined) await this.#remove(file.path);
      if (signal.aborted) throw signal.reason;
      if ((error as NodeJS.ErrnoException).syscall === undefined) throw error;
      const { code } = error as NodeJS.ErrnoException; // the message has a path of ours
      throw new EmotionError('ERR_FILE_WRITE', `${shortened(name)} could not be taken in: ${code}`, { cause: error });
    } finally {
      signal.removeEventListener('abort', stop);
    }
    if (file !== undefined) {
      const { path: source } = file;
      return { source, name, bytes, remove: () => this.#remove(source) };
    }
    const source = joined(pieces, bytes);
    let held = bytes;
    const remove = (): Promise<void> => {
      this.#held -= held;
      held = 0;
      return Promise.resolve();
    };
    return { source, name, bytes, remove };
  }

  async close(): Promise<void> {
    clearInterval(this.#clearing);
    await rm(this.#folder, { recursive: true, force: true }).catch(() => undefined); // the next server clears it away
  }

  async #open(): Promise<{ path: string; handle: FileHandle }> {
    await mkdir(this.#folder, { recursive: true }); // it may have been tidied away
    const file = path.join(this.#folder, randomBytes(8).toString('hex'));
    return { path: file, handle: await open(file, 'wx') };
  }

  /** What stays goes with the folder. */
  async #remove(file: string): Promise<void> {
    await rm(file, { force: true }).catch(() => undefined);
  }

  #tooLarge(name: string): HttpError {
    const most = `${Math.floor(this.#maxBytes / 2 ** 20)} MB`;
    return new HttpError(
      'ERR_UPLOAD_TOO_LARGE',
      `${shortened(name)} is larger than the ${most} that this server takes`,
    );
  }

  /** What servers left behind that were killed. What cannot go stays for the next look. */
  async #clearAway(): Promise<void> {
    for (const name of await readdir(this.#root).catch(() => [])) {
      const pid = /^uploads-(\d+)-[0-9a-f]{8}$/.exec(name)?.[1];
      if (pid === undefined || isAlive(Number(pid))) continue;
      const folder = path.join(this.#root, name);
      // The process may be another container's, alive and out of sight.
      const stats = await stat(folder).catch(() => undefined);
      if (stats === undefined || Date.now() - stats.mtimeMs < STALE_MS) continue;
      await rm(folder, { recursive: true, force: true }).catch(() => undefined);
    }
  }
}

/** In a buffer of its own, that can be moved to another thread. */
function joined(pieces: readonly Buffer[], size: number): Uint8Array {
  const whole = new Uint8Array(size);
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}
