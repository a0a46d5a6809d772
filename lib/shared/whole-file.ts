/**
 * Writes files and folders that appear under their names only when they are complete. Until then they have the name
 * NAME.PID-TAG.part in the same folder. TAG is eight hexadecimal digits that identify the PID namespace, and eight random digits.
 */
import { createHash, randomBytes } from 'node:crypto';
import { readdirSync, readlinkSync, rmSync } from 'node:fs';
import { lstat, readdir, rename, rm, stat } from 'node:fs/promises';
import { hostname } from 'node:os';
import path from 'node:path';

import { EmotionError, messageOf } from './errors.js';
import { isAlive, startOf } from './process.js';

/** Native code appends a process ID and `.part` to the name of its output, which may itself be such a name. */
const PART = /^(?<base>.+?)\.(?<pid>\d+)(-(?<namespace>[0-9a-f]{8})[0-9a-f]{8})?\.part(\.\d+(-[0-9a-f]{16})?\.part)*$/s;
/** Maximum bytes of NAME, so that the whole name is at most 255. */
const MAX_NAME_BYTES = 200;
/** Age at which the part of a process of another PID namespace, whose state is unknown, counts as abandoned. */
const DAY_MS = 86_400_000;
/** Maximum difference between the clock of the file system and that of the processes. */
const CLOCK_TOLERANCE_MS = 2000;

/** Paths that this thread is writing. */
const underWay = new Set<string>();

/**
 * Writes a file that appears under its name when it is complete. First removes what killed processes left of it.
 * @throws what `write` throws, and EmotionError ERR_FILE_WRITE; nothing remains on disk then
 */
export async function writeWhole(file: string, write: (part: string) => Promise<void>): Promise<void> {
  if (underWay.has(path.resolve(file))) return write(file); // the caller that writes this part renames it
  const existing = await stat(file).catch(() => undefined);
  // A folder, or a device, which the rename would replace.
  if (existing?.isFile() === false) throw new EmotionError('ERR_FILE_WRITE', `${file} exists and is not a file`);
  const { dir, base } = path.parse(file);
  await removeLeftovers(dir, [base]);
  const part = partOf(file);
  await whileWriting(part, async () => {
    await write(part);
    await rename(part, file).catch((cause: unknown) => {
      throw new EmotionError('ERR_FILE_WRITE', `${file} could not be written: ${messageOf(cause)}`, { cause });
    });
  });
}

/** Returns a new path for a file or folder until it is complete. */
export function partOf(target: string): string {
  const { dir, base } = path.parse(target);
  return path.join(dir, `${shortened(base)}.${process.pid}-${ownNamespace()}${randomBytes(4).toString('hex')}.part`);
}

/** Runs `work`, which creates `part` and renames it. Removes `part` if `work` fails or the user interrupts it. */
export async function whileWriting<T>(part: string, work: () => Promise<T>): Promise<T> {
  const own = path.resolve(part);
  underWay.add(own);
  try {
    return await work();
  } finally {
    await rm(part, { recursive: true, force: true }).catch(() => undefined); // there is none after the rename
    underWay.delete(own);
  }
}

/** Removes all parts of this thread synchronously. Called when the process exits. */
export function removePartsUnderWay(): void {
  for (const part of underWay) {
    const { dir, base } = path.parse(part);
    for (const name of readdirSync(dir).filter((name) => name.startsWith(base))) {
      rmSync(path.join(dir, name), { recursive: true, force: true, maxRetries: 5 }); // a thread may create a file in it at the same time
    }
  }
}

/**
 * Removes from a folder the leftovers of `names` from killed processes, and every leftover with a tag, because only this package
 * writes tags. Leftovers that cannot be removed stay until the next call.
 */
export async function removeLeftovers(folder: string, names: Iterable<string>): Promise<void> {
  const ours = new Set(Array.from(names, shortened));
  for (const name of await readdir(folder || '.').catch(() => [])) {
    const { base, pid, namespace } = PART.exec(name)?.groups ?? {};
    if (base === undefined || (namespace === undefined && !ours.has(base))) continue;
    const part = path.join(folder, name);
    if (await isLeftover(part, Number(pid), namespace))
      await rm(part, { recursive: true, force: true }).catch(() => undefined);
  }
}

/** Returns whether the process that wrote a part has ended. Its process ID may have been reused since. */
async function isLeftover(part: string, pid: number, namespace: string | undefined): Promise<boolean> {
  if (underWay.has(path.resolve(part))) return false;
  const written = (await lstat(part).catch(() => undefined))?.mtimeMs;
  if (written === undefined) return false; // it was removed meanwhile
  if (namespace !== undefined && namespace !== ownNamespace()) return Date.now() - written > DAY_MS;
  return !isAlive(pid) || (startOf(pid) ?? 0) > written + CLOCK_TOLERANCE_MS;
}

let cachedNamespace: string | undefined;

/** Identifies the PID namespace of this process. Containers that share a folder each have a process 1. */
function ownNamespace(): string {
  return (cachedNamespace ??= digest(`${hostname()}\0${pidNamespace()}`));
}

function pidNamespace(): string {
  try {
    return readlinkSync('/proc/self/ns/pid');
  } catch {
    return '';
  }
}

function shortened(name: string): string {
  if (Buffer.byteLength(name) <= MAX_NAME_BYTES) return name;
  return `${name.slice(0, MAX_NAME_BYTES / 4)}~${digest(name)}`; // a UTF-8 character has at most four bytes
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 8);
}
