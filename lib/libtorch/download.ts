import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import path from 'node:path';

import { EmotionError } from '../shared/errors.js';
import { isAlive } from '../shared/process.js';
import { whileWriting } from '../shared/whole-file.js';
import { extractKept } from './extract.js';
import { reasonOf, wrongMirror } from './failure.js';
import { cachedLibtorch, cacheFolder, type Environment, inspectLibtorch } from './locate.js';
import { withLock } from './lock.js';
import { fromMirror } from './mirror.js';
import { CPU_SET, CUDA_SET, LIBTORCH_VERSION, type LibtorchSet } from './pin.js';
import { fromPip } from './pip.js';

export interface Progress {
  /** A line about what happens now. */
  say(line: string): void;
  /** Bytes so far; `total` is 0 when it is not known. */
  bytes(received: number, total: number): void;
}

/**
 * Brings the pinned libtorch into the cache: from a mirror (EMOTION2VEC_LIBTORCH_URL with EMOTION2VEC_LIBTORCH_SHA256), else
 * with pip. It appears under its name only when whole; two processes that race download once; a killed one leaves a folder
 * that the next one removes. One with CUDA takes the place of one without.
 * @throws EmotionError ERR_LIBTORCH_DOWNLOAD
 */
export async function downloadLibtorch(
  progress: Progress,
  { cuda = false, env = process.env }: { cuda?: boolean; env?: Environment } = {},
): Promise<void> {
  const set = cuda ? CUDA_SET : CPU_SET;
  const target = cachedLibtorch(env, set);
  const cache = cacheFolder(env);
  try {
    await mkdir(cache, { recursive: true });
    const wait = (pid: number) => progress.say(`Waiting for process ${pid}, which is fetching libtorch`);
    await withLock(`${target}.lock`, wait, async () => {
      const there = [CUDA_SET, set].some((one) => inspectLibtorch(cachedLibtorch(env, one), 'cache') !== undefined);
      if (there) return; // the process that held the lock has done it
      await removeLeftovers(cache);
      const part = partOf(target);
      await rm(part, { recursive: true, force: true }); // of a killed process that had this one's id
      await whileWriting(part, async () => {
        await fetchInto(part, set, progress, env);
        await rm(target, { recursive: true, force: true }); // one that has lost files
        await rename(part, target);
      });
    });
    if (cuda) await removeCpuSet(env);
  } catch (cause) {
    if (cause instanceof EmotionError) throw cause;
    throw new EmotionError(
      'ERR_LIBTORCH_DOWNLOAD',
      `libtorch could not be fetched into ${cache}: ${reasonOf(cause)}`,
      cannotBeWritten(cause) ? { cause, remedy: 'Set EMOTION2VEC_CACHE to a folder that can be written.' } : { cause },
    );
  }
}

function cannotBeWritten(error: unknown): boolean {
  const codes = ['EACCES', 'EPERM', 'EROFS', 'EEXIST', 'ENOTDIR'];
  return codes.includes((error as NodeJS.ErrnoException).code ?? '');
}

/** Takes the libtorch without CUDA out of the cache. A process that has opened it goes on: its pages stay while they are mapped. */
export async function removeCpuSet(env: Environment = process.env): Promise<void> {
  const folder = cachedLibtorch(env, CPU_SET);
  const aside = partOf(folder);
  try {
    await rename(folder, aside); // at once: nobody is to find half of it
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw error;
  }
  await rm(aside, { recursive: true, force: true });
}

/** What is not whole yet, or not any more. Whoever holds the lock is alone, so the name needs nothing of chance. */
function partOf(folder: string): string {
  return `${folder}.${process.pid}.part`;
}

/** An archive at a time, gone when it is extracted: the wheels with CUDA are 2.5 GB beside the 3.5 GB that stay of them. */
async function fetchInto(folder: string, set: LibtorchSet, progress: Progress, env: Environment): Promise<void> {
  const archives = path.join(folder, 'archives');
  await mkdir(archives, { recursive: true });
  const source = env.EMOTION2VEC_LIBTORCH_URL
    ? fromMirror(env.EMOTION2VEC_LIBTORCH_URL, env.EMOTION2VEC_LIBTORCH_SHA256, archives, progress)
    : fromPip(set, archives, progress, env);
  for await (const archive of source) {
    await extractKept(archive, folder, (name) => set.keeps(name)).catch((cause: NodeJS.ErrnoException) => {
      if (cause.syscall !== undefined) throw cause; // of the disk
      throw wrongMirror(`the archive cannot be extracted: ${cause.message}`, cause);
    });
    await rm(archive);
  }
  await rm(archives, { recursive: true });
  const found = inspectLibtorch(folder, 'cache');
  if (found === undefined) throw wrongMirror('the archive holds no lib/libtorch_cpu.so and lib/libc10.so');
  if (found.version !== LIBTORCH_VERSION)
    throw wrongMirror(`the archive holds libtorch ${found.version}, and ${LIBTORCH_VERSION} is needed`);
  if (set === CUDA_SET && !found.cuda)
    throw wrongMirror('the archive holds no lib/libtorch_cuda.so: it is a libtorch without CUDA');
}

/** Folders of downloads whose process was killed. */
async function removeLeftovers(cache: string): Promise<void> {
  for (const name of await readdir(cache)) {
    const pid = Number(/^libtorch-.*\.(\d+)\.part$/.exec(name)?.[1]);
    if (pid && !isAlive(pid)) await rm(path.join(cache, name), { recursive: true, force: true });
  }
}
