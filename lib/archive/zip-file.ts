import type { FileHandle } from 'node:fs/promises';
import { promisify } from 'node:util';
import { crc32, inflateRaw } from 'node:zlib';

import { EmotionError, messageOf } from '../shared/errors.js';
import { brief } from './brief.js';
import { type FileKind, kindByHead } from './file-kind.js';
import { openRegular, readUpTo } from './regular-file.js';
import {
  findDirectory,
  LOCAL_BYTES,
  type Member,
  readDirectory,
  readLocalHeader,
  TAIL_BYTES,
  ZipProblem,
} from './zip-directory.js';

export { MOST_MEMBERS, type Member } from './zip-directory.js';

/** What is read at once: its checksum keeps the thread for less than a millisecond. */
const STEP = 2 ** 20;
/** Bytes of a local header's extra field that are read with it; PyTorch's, which align the content, are shorter. */
const EXTRA_GUESS = 256;
/** Bytes of a compressed member, before and after, and of all of a file: the code of a module takes a few megabytes. */
const MOST_COMPRESSED = 64 * 2 ** 20;
const MOST_INFLATED = 4 * MOST_COMPRESSED;
const DAMAGED = 'The file is damaged: fetch it again from where it came.';

const inflated = promisify<Buffer, { maxOutputLength: number }, Buffer>(inflateRaw);

/** Makes the error for what is wrong in a file; `why` continues "FILE cannot be read: ". `kind`: what the file is instead. */
export type Refuse = (why: string, options?: { cause?: unknown; remedy?: string; kind?: FileKind }) => EmotionError;

/**
 * A zip file whose members are read whole or not at all: what is read has the checksum that the directory gives. Errors are
 * those that `refuse` makes.
 */
export class ZipFile implements AsyncDisposable {
  readonly #path: string;
  readonly #file: FileHandle;
  readonly #refuse: Refuse;
  readonly #starts = new Map<Member, number>();
  readonly #verified = new Set<Member>();
  /** Of verifying, used again: the collector is in no hurry with large buffers. */
  #step = Buffer.alloc(0);
  #inflated = 0;

  private constructor(
    path: string,
    file: FileHandle,
    /** By name, in the directory's order. */
    readonly members: ReadonlyMap<string, Member>,
    refuse: Refuse,
  ) {
    this.#path = path;
    this.#file = file;
    this.#refuse = refuse;
  }

  /** @throws what `refuse` makes; NotRegular and the file system's errors where there is nothing to read */
  static async open(path: string, refuse: Refuse): Promise<ZipFile> {
    const { file, size } = await openRegular(path);
    try {
      const members = await readMembers(file, size, refuse);
      return new ZipFile(path, file, new Map(members.map((member) => [member.name, member])), refuse);
    } catch (error) {
      await file.close();
      throw error instanceof ZipProblem ? refuse(error.message, { cause: error, remedy: DAMAGED }) : error;
    }
  }

  /** The folder that PyTorch puts everything into: that of the first member. */
  get root(): string {
    const [first = ''] = this.members.keys();
    return first.slice(0, first.indexOf('/') + 1);
  }

  /** The content of a member of at most `most` bytes. */
  async read(member: Member, most: number): Promise<Buffer> {
    const { name, bytes, method } = member;
    if (bytes > most) throw this.#refuse(`its member ${brief(name)} is said to have ${bytes} bytes`);
    if (method !== 0) return this.#inflate(member);
    const content = Buffer.alloc(bytes);
    await this.readInto(member, content);
    return content;
  }

  /** Reads a stored member whole into the beginning of a buffer that has room for it. */
  async readInto(member: Member, buffer: Buffer): Promise<void> {
    const start = await this.#start(member);
    let sum = 0;
    for (let at = 0; at < member.bytes; at += STEP) {
      const piece = buffer.subarray(at, Math.min(at + STEP, member.bytes));
      await this.#fill(piece, start + at);
      sum = crc32(piece, sum);
    }
    this.#check(member, sum);
  }

  /** Reads a part of a stored member; the whole of it is verified before, once. */
  async readPart(member: Member, from: number, buffer: Buffer): Promise<void> {
    await this.verify(member);
    await this.#fill(buffer, (await this.#start(member)) + from);
  }

  /** Whether a member is whole. What was found whole is not read again. */
  async verify(member: Member, signal?: AbortSignal): Promise<void> {
    if (this.#verified.has(member)) return;
    if (member.method !== 0) return void (await this.#inflate(member));
    const start = await this.#start(member);
    if (this.#step.length === 0) this.#step = Buffer.allocUnsafe(STEP);
    let sum = 0;
    for (let at = 0; at < member.bytes; at += STEP) {
      signal?.throwIfAborted();
      const piece = this.#step.subarray(0, Math.min(STEP, member.bytes - at));
      await this.#fill(piece, start + at);
      sum = crc32(piece, sum);
    }
    this.#check(member, sum);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file.close();
  }

  async #inflate(member: Member): Promise<Buffer> {
    const { name, bytes, storedBytes } = member;
    const start = await this.#start(member);
    this.#inflated += bytes;
    if (Math.max(bytes, storedBytes) > MOST_COMPRESSED || this.#inflated > MOST_INFLATED) {
      throw this.#refuse(`its member ${brief(name)} is larger than anything that is stored compressed`);
    }
    const stored = Buffer.alloc(storedBytes);
    await this.#fill(stored, start);
    const content = await inflated(stored, { maxOutputLength: Math.max(bytes, 1) }).catch((cause: unknown) => {
      throw this.#damaged(name, cause);
    });
    if (content.length !== bytes) throw this.#damaged(name);
    this.#check(member, crc32(content));
    return content;
  }

  async #start(member: Member): Promise<number> {
    const known = this.#starts.get(member);
    if (known !== undefined) return known;
    try {
      const start = readLocalHeader(await this.#localHeader(member), member);
      this.#starts.set(member, start);
      return start;
    } catch (error) {
      throw error instanceof ZipProblem ? this.#refuse(error.message, { cause: error, remedy: DAMAGED }) : error;
    }
  }

  async #localHeader({ header, rawName, limit }: Member): Promise<Buffer> {
    const least = LOCAL_BYTES + rawName.length;
    const local = Buffer.alloc(Math.min(least + EXTRA_GUESS, limit - header));
    await this.#fill(local, header);
    const whole = Math.min(least + local.readUInt16LE(28), limit - header);
    if (whole <= local.length) return local;
    const longer = Buffer.alloc(whole);
    await this.#fill(longer, header);
    return longer;
  }

  async #fill(buffer: Buffer, start: number): Promise<void> {
    const read = await readUpTo(this.#file, start, buffer, buffer.length).catch((cause: unknown) => {
      const why = brief(messageOf(cause));
      throw new EmotionError('ERR_FILE_READ', `${brief(this.#path)} could not be read (${why})`, { cause });
    });
    if (read < buffer.length) throw this.#refuse('it ends before its content does', { remedy: DAMAGED });
  }

  #check(member: Member, sum: number): void {
    if (sum !== member.crc32) throw this.#damaged(member.name, undefined, member.crc32 === 0);
    this.#verified.add(member);
  }

  #damaged(name: string, cause?: unknown, unchecked = false): EmotionError {
    const remedy = unchecked
      ? 'Fetch it again; or, where it was saved without checksums, save it again with torch.serialization.set_crc32_options(True).'
      : DAMAGED;
    return this.#refuse(`its member ${brief(name)} is not what was written (CRC-32)`, { cause, remedy });
  }
}

async function readMembers(file: FileHandle, size: number, refuse: Refuse): Promise<Member[]> {
  const tail = Buffer.alloc(Math.min(size, TAIL_BYTES));
  const shrunk = 'it becomes shorter while it is read';
  if ((await readUpTo(file, size - tail.length, tail, tail.length)) < tail.length) throw refuse(shrunk);
  const directory = findDirectory(tail, size);
  if (directory === undefined) {
    const head = Buffer.alloc(Math.min(size, 512));
    await readUpTo(file, 0, head, head.length);
    const kind = kindByHead(head, size);
    if (kind !== undefined) throw refuse(`it is ${kind.name}`, { kind });
    const begun = head.toString('latin1', 0, 4) === 'PK\x03\x04';
    throw refuse('it is not a file that torch.save or torch.jit.save wrote, or the file is truncated', {
      ...(begun && { remedy: DAMAGED }),
    });
  }
  const bytes = Buffer.alloc(directory.bytes);
  if ((await readUpTo(file, directory.start, bytes, bytes.length)) < bytes.length) throw refuse(shrunk);
  return readDirectory(bytes, directory);
}
