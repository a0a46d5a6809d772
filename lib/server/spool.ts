import { randomBytes } from 'node:crypto';
import { type FileHandle, mkdir, open, readdir, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import type { Readable } from 'node:stream';

import { formatBytes } from '../shared/bytes.js';
import { concatBytes } from '../shared/concat.js';
import { EmotionError, systemCode } from '../shared/errors.js';
import { isAlive } from '../shared/process.js';
import { shown } from '../shared/text.js';

/** Maximum size of an upload that stays in memory. */
const SMALL_BYTES = 256 * 1024;
/** Maximum size of all uploads in memory. */
const MEMORY_BYTES = 16 * 2 ** 20;
/** Time without changes after which a folder is considered a leftover of a killed server. */
const STALE_MS = 3_600_000;

/** An uploaded recording. */
export interface Upload {
  /** The path of the file, or its bytes if it is small. */
  source: string | Uint8Array;
  /** The name that the client sent. */
  name: string;
  bytes: number;
  /** Frees its memory or its file. Has no effect when called again. Never rejects. */
  remove(): Promise<void>;
}

/**
 * Holds uploads until they are recognized. Large ones are on the disk, where the decoder reads them; small ones are in memory.
 * The folder belongs to this process. Other servers delete it if this process is killed.
 */
export class Spool {
  readonly #root: string;
  readonly #folder: string;
  readonly #maxBytes: number;
  readonly #clearing: NodeJS.Timeout;
  /** Bytes of all uploads in memory. */
  #held = 0;

  /** @param root folder that may be shared with other servers */
  constructor(root: string, maxBytes: number) {
    this.#root = root;
    void this.#clearLeftovers();
    this.#clearing = setInterval(() => void this.#clearLeftovers(), STALE_MS).unref();
    this.#folder = path.join(root, `uploads-${process.pid}-${randomBytes(4).toString('hex')}`);
    this.#maxBytes = maxBytes;
  }

  /** Bytes of all uploads in memory. */
  get heldBytes(): number {
    return this.#held;
  }

  /**
   * Receives an upload. One that is too large is read to its end and discarded, because a client that is answered before it has
   * sent everything may be disconnected before it reads the answer. After an error, nothing of the upload remains.
   * @throws EmotionError ERR_UPLOAD_TOO_LARGE, ERR_FILE_WRITE; errors of the stream
   */
  async receive(content: Readable, name: string, signal: AbortSignal): Promise<Upload> {
    let bytes = 0;
    const chunks: Buffer[] = [];
    let file: { path: string; handle: FileHandle } | undefined;
    const release = (): void => {
      for (const chunk of chunks.splice(0)) this.#held -= chunk.length;
    };
    // Destroying the stream ends the loop below at once.
    const stop = (): void => void content.destroy(signal.reason as Error);
    signal.addEventListener('abort', stop, { once: true });
    try {
      signal.throwIfAborted();
      for await (const chunk of content as AsyncIterable<Buffer>) {
        bytes += chunk.length;
        if (bytes > this.#maxBytes) {
          release();
          continue;
        }
        chunks.push(chunk);
        this.#held += chunk.length;
        if (file === undefined && bytes <= SMALL_BYTES && this.#held <= MEMORY_BYTES) continue;
        file ??= await this.#open();
        for (const each of chunks) await file.handle.appendFile(each);
        release();
      }
      if (bytes > this.#maxBytes) throw this.#tooLarge(name);
      await file?.handle.close();
    } catch (error) {
      release();
      await file?.handle.close().catch(() => undefined);
      if (file !== undefined) await this.#remove(file.path);
      if (signal.aborted) throw signal.reason;
      if ((error as NodeJS.ErrnoException).syscall === undefined) throw error;
      // The message of the system contains a path of the server.
      const what = `${shown(name)} could not be stored (${systemCode(error)})`;
      throw new EmotionError('ERR_FILE_WRITE', what, { cause: error });
    } finally {
      signal.removeEventListener('abort', stop);
    }
    if (file !== undefined) {
      const { path: source } = file;
      return { source, name, bytes, remove: () => this.#remove(source) };
    }
    const source = concatBytes(chunks);
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
    await rm(this.#folder, { recursive: true, force: true }).catch(() => undefined); // another server deletes it later
  }

  async #open(): Promise<{ path: string; handle: FileHandle }> {
    await mkdir(this.#folder, { recursive: true }); // it may have been deleted in the meantime
    const file = path.join(this.#folder, randomBytes(8).toString('hex'));
    return { path: file, handle: await open(file, 'wx') };
  }

  /** Deletes a file. If that fails, it is deleted together with the folder. */
  async #remove(file: string): Promise<void> {
    await rm(file, { force: true }).catch(() => undefined);
  }

  #tooLarge(name: string): EmotionError {
    const what = `${shown(name)} is larger than ${formatBytes(this.#maxBytes)}, the limit of this server`;
    return new EmotionError('ERR_UPLOAD_TOO_LARGE', what);
  }

  /** Deletes the folders of servers that were killed. One that cannot be deleted is tried again at the next sweep. */
  async #clearLeftovers(): Promise<void> {
    for (const name of await readdir(this.#root).catch(() => [])) {
      const pid = /^uploads-(\d+)-[0-9a-f]{8}$/.exec(name)?.[1];
      if (pid === undefined || isAlive(Number(pid))) continue;
      const folder = path.join(this.#root, name);
      // The process may run in another container, where it cannot be seen.
      const stats = await stat(folder).catch(() => undefined);
      if (stats === undefined || Date.now() - stats.mtimeMs < STALE_MS) continue;
      await rm(folder, { recursive: true, force: true }).catch(() => undefined);
    }
  }
}
