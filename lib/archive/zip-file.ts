import type { FileHandle } from 'node:fs/promises';
import { promisify } from 'node:util';
import { crc32, inflateRaw } from 'node:zlib';

import { EmotionError } from '../shared/errors.js';
import { fileError } from '../shared/file-error.js';
import { shown } from '../shared/text.js';
import { beginsAsZip, type FileKind, HEAD_BYTES, kindByHead } from './file-kind.js';
import { NotRegular, openRegular, readUpTo } from './regular-file.js';
import {
  findDirectory,
  LOCAL_BYTES,
  type Member,
  readDirectory,
  readLocalHeader,
  TAIL_BYTES,
  ZipProblem,
} from './zip-directory.js';

export type { Member } from './zip-directory.js';

/** Number of bytes that are read at once. Their checksum occupies the thread for less than a millisecond. */
const STEP = 2 ** 20;
/**
 * Number of bytes of the extra field that are read with a local header. The fields that PyTorch writes to align the content are
 * shorter.
 */
const EXTRA_GUESS = 256;
/** Maximum size of a compressed member, both compressed and not. The code of a module takes a few megabytes. */
const MAX_COMPRESSED = 64 * 2 ** 20;
/** Maximum size of all compressed members of a file that are read. */
const MAX_INFLATED = 4 * MAX_COMPRESSED;
const DAMAGED = 'The file is damaged: download or copy it again.';

const inflated = promisify<Buffer, { maxOutputLength: number }, Buffer>(inflateRaw);

/** Creates the error for a file. `why` continues "FILE cannot be read: ". `kind` is set if the file is of another kind. */
export type Refuse = (why: string, options?: { cause?: unknown; remedy?: string; kind?: FileKind }) => EmotionError;

/**
 * A zip file whose members are read whole or not at all: content is returned only when it has the checksum that the directory
 * states. All problems of the file are reported by errors that `refuse` creates.
 */
export class ZipFile implements AsyncDisposable {
  readonly #path: string;
  readonly #file: FileHandle;
  readonly #refuse: Refuse;
  readonly #starts = new Map<Member, number>();
  readonly #verified = new Set<Member>();
  /** Buffer for verifying. It is reused, because the garbage collector frees large buffers late. */
  #step = Buffer.alloc(0);
  #inflated = 0;

  /** Size of the file. */
  readonly bytes: number;
  /** The members by name, in the order of the directory. */
  readonly members: ReadonlyMap<string, Member>;

  private constructor(path: string, file: FileHandle, { bytes, members }: Contents, refuse: Refuse) {
    this.#path = path;
    this.#file = file;
    this.#refuse = refuse;
    this.bytes = bytes;
    this.members = new Map(members.map((member) => [member.name, member]));
  }

  /**
   * Opens a file and reads its directory.
   * @throws EmotionError that `refuse` creates, with the cause NotRegular for a folder, pipe or device; ERR_FILE_NOT_FOUND,
   *   ERR_FILE_READ
   */
  static async open(path: string, refuse: Refuse): Promise<ZipFile> {
    const { file, size } = await openRegular(path).catch((cause: unknown) => {
      throw cause instanceof NotRegular ? refuse(cause.message, { cause }) : fileError(cause, shown(path));
    });
    try {
      return new ZipFile(path, file, await readContents(file, size, refuse), refuse);
    } catch (error) {
      await file.close();
      if (error instanceof ZipProblem) throw refuse(error.message, { cause: error, remedy: DAMAGED });
      throw error instanceof EmotionError ? error : fileError(error, shown(path));
    }
  }

  /** The folder that contains all members, as PyTorch writes them, with a slash at its end. Taken from the first member. */
  get root(): string {
    const [first = ''] = this.members.keys();
    return first.slice(0, first.indexOf('/') + 1);
  }

  /** Returns the content of a member of at most `maxBytes` bytes. */
  async read(member: Member, maxBytes: number): Promise<Buffer> {
    const { name, bytes, method } = member;
    if (bytes > maxBytes) throw this.#refuse(`its member ${shown(name)} claims to have ${bytes} bytes`);
    if (method !== 0) return this.#inflate(member);
    const content = Buffer.alloc(bytes);
    await this.readInto(member, content);
    return content;
  }

  /** Reads a whole member that is not compressed into the beginning of a buffer. */
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

  /** Reads a part of a member that is not compressed. The whole member is verified first, once. */
  async readPart(member: Member, from: number, buffer: Buffer): Promise<void> {
    await this.verify(member);
    await this.#fill(buffer, (await this.#start(member)) + from);
  }

  /** Checks the content of a member, once. */
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
    if (Math.max(bytes, storedBytes) > MAX_COMPRESSED || this.#inflated > MAX_INFLATED) {
      throw this.#refuse(`its member ${shown(name)} is larger than any compressed member of a model`);
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
    const fixed = LOCAL_BYTES + rawName.length;
    const local = Buffer.alloc(Math.min(fixed + EXTRA_GUESS, limit - header));
    await this.#fill(local, header);
    const whole = Math.min(fixed + local.readUInt16LE(28), limit - header);
    if (whole <= local.length) return local;
    const longer = Buffer.alloc(whole);
    await this.#fill(longer, header);
    return longer;
  }

  async #fill(buffer: Buffer, start: number): Promise<void> {
    const read = await readUpTo(this.#file, start, buffer, buffer.length).catch((cause: unknown) => {
      throw fileError(cause, shown(this.#path));
    });
    if (read < buffer.length) throw this.#refuse('it ends within its content', { remedy: DAMAGED });
  }

  #check(member: Member, sum: number): void {
    if (sum !== member.crc32) throw this.#damaged(member.name, undefined, member.crc32 === 0);
    this.#verified.add(member);
  }

  #damaged(name: string, cause?: unknown, unchecked = false): EmotionError {
    const remedy = unchecked
      ? 'Download or copy it again. If it was saved without checksums, save it again with torch.serialization.set_crc32_options(True).'
      : DAMAGED;
    return this.#refuse(`its member ${shown(name)} does not have its checksum (CRC-32)`, { cause, remedy });
  }
}

interface Contents {
  bytes: number;
  members: Member[];
}

async function readContents(file: FileHandle, bytes: number, refuse: Refuse): Promise<Contents> {
  const read = async (start: number, length: number): Promise<Buffer> => {
    const buffer = Buffer.alloc(length);
    if ((await readUpTo(file, start, buffer, length)) < length) throw refuse('it became shorter while it was read');
    return buffer;
  };
  const head = await read(0, Math.min(bytes, HEAD_BYTES));
  if (!beginsAsZip(head)) {
    const kind = kindByHead(head, bytes);
    throw refuse(`it is ${kind.name}`, { kind });
  }
  const tailBytes = Math.min(bytes, TAIL_BYTES);
  const directory = findDirectory(await read(bytes - tailBytes, tailBytes), bytes);
  if (directory === undefined) throw refuse('it is cut off or damaged', { remedy: DAMAGED });
  return { bytes, members: readDirectory(await read(directory.start, directory.bytes), directory) };
}
