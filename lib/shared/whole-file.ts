/**
 * Files and folders that appear under their names when they are whole. Until then they lie beside, as NAME.PID-TAG.part: TAG is
 * eight digits of where that number of a process is one, and eight of chance.
 */
import { createHash, randomBytes } from 'node:crypto';
import { readdirSync, readlinkSync, rmSync } from 'node:fs';
import { lstat, readdir, rename, rm, stat } from 'node:fs/promises';
import { hostname } from 'node:os';
import path from 'node:path';

import { EmotionError, messageOf } from './errors.js';
import { isAlive, startOf } from './process.js';

/** One that native code makes of such a name, or of any, has a number more; so may those of other versions. */
const PART = /^(?<base>.+?)\.(?<pid>\d+)(-(?<place>[0-9a-f]{8})[0-9a-f]{8})?\.part(\.\d+(-[0-9a-f]{16})?\.part)*$/s;
/** Bytes of a name that leave room for the rest in 255. */
const NAME = 200;
/** After which nobody is still writing, where the process cannot be asked after. */
const DAY_MS = 86_400_000;
/** By which clocks may differ: that of the file system, and that of the processes. */
const CLOCKS_MS = 2000;

/** What this thread is writing. */
const underWay = new Set<string>();

/**
 * Writes a file that appears under its name when it is whole; what killed processes left of it goes first.
 * @throws what `write` throws, and EmotionError ERR_FILE_WRITE; nothing stays then
 */
export async function writeWhole(file: string, write: (part: string) => Promise<void>): Promise<void> {
  if (underWay.has(path.resolve(file))) return write(file); // who makes the file of this part has it appear
  const there = await stat(file).catch(() => undefined);
  // A folder, or a device that the file would take the place of.
  if (there?.isFile() === false) throw new EmotionError('ERR_FILE_WRITE', `${file} is there and is no file`);
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

/** Where a file or folder is until it is whole. */
export function partOf(target: string): string {
  const { dir, base } = path.parse(target);
  return path.join(dir, `${shortened(base)}.${process.pid}-${place()}${randomBytes(4).toString('hex')}.part`);
}

/** Runs what makes `part` and moves it to its name. It goes where that fails, and where the user interrupts it. */
export async function whileWriting<T>(part: string, work: () => Promise<T>): Promise<T> {
  const own = path.resolve(part);
  underWay.add(own);
  try {
    return await work();
  } finally {
    await rm(part, { recursive: true, force: true }).catch(() => undefined); // where it was moved there is none
    underWay.delete(own);
  }
}

/** At once, on the way out of the process. */
export function removePartsUnderWay(): void {
  for (const part of underWay) {
    const { dir, base } = path.parse(part);
    for (const name of readdirSync(dir).filter((name) => name.startsWith(base))) {
      rmSync(path.join(dir, name), { recursive: true, force: true, maxRetries: 5 }); // a thread may make a file meanwhile
    }
  }
}

/**
 * Removes what processes that were killed left of `names` in a folder, and of all that has a tag, so is ours for sure. What cannot
 * be removed stays for the next look.
 */
export async function removeLeftovers(folder: string, names: Iterable<string>): Promise<void> {
  const wanted = new Set(Array.from(names, shortened));
  for (const name of await readdir(folder || '.').catch(() => [])) {
    const { base, pid, place } = PART.exec(name)?.groups ?? {};
    if (base === undefined || (place === undefined && !wanted.has(base))) continue;
    const part = path.join(folder, name);
    if (await isLeftover(part, Number(pid), place))
      await rm(part, { recursive: true, force: true }).catch(() => undefined);
  }
}

/** Whether the process that wrote it, if it is one of this place, is gone: its number may be another's by now. */
async function isLeftover(part: string, pid: number, where: string | undefined): Promise<boolean> {
  if (underWay.has(path.resolve(part))) return false;
  const written = (await lstat(part).catch(() => undefined))?.mtimeMs;
  if (written === undefined) return false; // it is gone already
  if (where !== undefined && where !== place()) return Date.now() - written > DAY_MS;
  return !isAlive(pid) || (startOf(pid) ?? 0) > written + CLOCKS_MS;
}

let here: string | undefined;

/** Where a process has its number: containers that share a folder each have a process 1. */
function place(): string {
  return (here ??= digest(`${hostname()}\0${pidNamespace()}`));
}

function pidNamespace(): string {
  try {
    return readlinkSync('/proc/self/ns/pid');
  } catch {
    return '';
  }
}

function shortened(name: string): string {
  if (Buffer.byteLength(name) <= NAME) return name;
  return `${name.slice(0, NAME / 4)}~${digest(name)}`; // a character has at most four bytes
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 8);
}
