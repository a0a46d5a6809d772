import { randomBytes } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { mkdir, readdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { Transform, type Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';

import { EmotionError, messageOf } from '../errors.js';
import { HttpError } from './errors.js';

/** A recording on its way through the server: on the disk, where the decoder reads it, and never in this thread's memory. */
export interface Upload {
  path: string;
  /** What the client calls it. */
  name: string;
  bytes: number;
  remove(): Promise<void>;
}

/** Where uploads lie until they were heard: a folder of this process, which the next one clears away should this one die. */
export class Spool {
  readonly #root: string;
  readonly #folder: string;
  readonly #maxBytes: number;
  #ready: Promise<void> | undefined;

  /** @param root a folder that may be shared with other servers */
  constructor(root: string, maxBytes: number) {
    this.#root = root;
    this.#folder = path.join(root, `uploads-${process.pid}-${randomBytes(4).toString('hex')}`);
    this.#maxBytes = maxBytes;
  }

  /**
   * Takes an upload in. One that is too large is read to its end all the same, and thrown away: clients hear of an error when
   * they have sent what they want to.
   * @throws HttpError ERR_UPLOAD_TOO_LARGE; EmotionError ERR_FILE_WRITE; what the stream throws. Nothing stays then.
   */
  async take(content: Readable, name: string, signal: AbortSignal): Promise<Upload> {
    const file = path.join(this.#folder, randomBytes(8).toString('hex'));
    let bytes = 0;
    // Answered before that, a client that writes on may be cut off before it has read the answer.
    const limit = new Transform({
      transform: (chunk: Buffer, _encoding, done) => {
        bytes += chunk.length;
        if (bytes > this.#maxBytes) done();
        else done(null, chunk);
      },
    });
    const remove = () => rm(file, { force: true }).catch(() => undefined); // what stays goes with the folder
    try {
      await (this.#ready ??= this.#prepare());
      await pipeline(content, limit, createWriteStream(file, { flags: 'wx' }), { signal });
      if (bytes > this.#maxBytes) throw this.#tooLarge(name);
      return { path: file, name, bytes, remove };
    } catch (error) {
      await remove();
      if (signal.aborted) throw signal.reason;
      if ((error as NodeJS.ErrnoException).syscall === undefined) throw error;
      throw new EmotionError('ERR_FILE_WRITE', `${name} could not be taken in: ${messageOf(error)}`, { cause: error });
    }
  }

  async close(): Promise<void> {
    await rm(this.#folder, { recursive: true, force: true }).catch(() => undefined); // the next server clears it away
  }

  #tooLarge(name: string): HttpError {
    const most = `${Math.floor(this.#maxBytes / 2 ** 20)} MB`;
    return new HttpError('ERR_UPLOAD_TOO_LARGE', `${name} is larger than the ${most} that this server takes`);
  }

  async #prepare(): Promise<void> {
    await mkdir(this.#folder, { recursive: true });
    for (const name of await readdir(this.#root)) {
      const pid = /^uploads-(\d+)-[0-9a-f]{8}$/.exec(name)?.[1];
      if (pid === undefined || isAlive(Number(pid))) continue;
      await rm(path.join(this.#root, name), { recursive: true, force: true });
    }
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
