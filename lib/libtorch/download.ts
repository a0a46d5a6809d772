import { mkdir, rename, rm } from 'node:fs/promises';
import path from 'node:path';

import { EmotionError, hasSystemCode } from '../shared/errors.js';
import { withLock } from '../shared/lock.js';
import { partOf, removeLeftovers, whileWriting } from '../shared/whole-file.js';
import { messagesOf, mirrorError } from './download-error.js';
import { extractKept } from './extract.js';
import { cachedLibtorch, cacheFolder, type Environment, inspectLibtorch } from './locate.js';
import { fromMirror } from './mirror.js';
import { CPU_SET, CUDA_SET, LIBTORCH_VERSION, type LibtorchSet } from './pin.js';
import { fromPip } from './pip.js';
import type { Progress } from './progress.js';

/**
 * Downloads the pinned libtorch into the cache: from a mirror (EMOTION2VEC_LIBTORCH_URL with EMOTION2VEC_LIBTORCH_SHA256), or
 * with pip. It appears under its name only when it is complete. If two processes need it, one downloads it and the other waits.
 * The next download removes what a killed process left. A libtorch with CUDA replaces the one without.
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
    const onWait = (pid: number) => progress.say(`Waiting for process ${pid}, which is downloading libtorch`);
    await withLock(`${target}.lock`, onWait, async () => {
      const exists = [CUDA_SET, set].some((one) => inspectLibtorch(cachedLibtorch(env, one), 'cache') !== undefined);
      if (exists) return; // the process that held the lock has downloaded it
      await removeLeftovers(cache, [CPU_SET.folder, CUDA_SET.folder]);
      const part = partOf(target);
      await whileWriting(part, async () => {
        await downloadInto(part, set, progress, env);
        await rm(target, { recursive: true, force: true }); // a libtorch that has lost files
        await rename(part, target);
      });
    });
    if (cuda) await removeCpuSet(env);
  } catch (cause) {
    if (cause instanceof EmotionError) throw cause;
    throw new EmotionError(
      'ERR_LIBTORCH_DOWNLOAD',
      `libtorch could not be downloaded into ${cache}: ${messagesOf(cause)}`,
      isUnwritable(cause) ? { cause, remedy: 'Set EMOTION2VEC_CACHE to a folder that is writable.' } : { cause },
    );
  }
}

function isUnwritable(error: unknown): boolean {
  return hasSystemCode(error, 'EACCES', 'EPERM', 'EROFS', 'EEXIST', 'ENOTDIR');
}

/** Removes the libtorch without CUDA from the cache. A process that has opened it keeps running: mapped pages stay. */
export async function removeCpuSet(env: Environment = process.env): Promise<void> {
  const folder = cachedLibtorch(env, CPU_SET);
  const aside = partOf(folder);
  try {
    await rename(folder, aside); // renamed first, so that no process finds an incomplete one
  } catch (error) {
    if (hasSystemCode(error, 'ENOENT')) return;
    throw error;
  }
  await rm(aside, { recursive: true, force: true });
}

/** Each archive is removed once it is extracted: the wheels with CUDA take 2.5 GB, and the files kept from them 3.5 GB. */
async function downloadInto(folder: string, set: LibtorchSet, progress: Progress, env: Environment): Promise<void> {
  const archives = path.join(folder, 'archives');
  await mkdir(archives, { recursive: true });
  const source = env.EMOTION2VEC_LIBTORCH_URL
    ? fromMirror(env.EMOTION2VEC_LIBTORCH_URL, env.EMOTION2VEC_LIBTORCH_SHA256, archives, progress)
    : fromPip(set, archives, progress, env);
  for await (const archive of source) {
    await extractKept(archive, folder, (name) => set.keeps(name)).catch((cause: NodeJS.ErrnoException) => {
      if (cause.syscall !== undefined) throw cause; // an error of the disk, not of the archive
      throw mirrorError(`the archive cannot be extracted: ${cause.message}`, cause);
    });
    await rm(archive);
  }
  await rm(archives, { recursive: true });
  const found = inspectLibtorch(folder, 'cache');
  if (found === undefined) throw mirrorError('the archive holds no lib/libtorch_cpu.so and lib/libc10.so');
  if (found.version !== LIBTORCH_VERSION)
    throw mirrorError(`the archive holds libtorch ${found.version}, but ${LIBTORCH_VERSION} is needed`);
  if (set === CUDA_SET && !found.cuda)
    throw mirrorError('the archive holds no lib/libtorch_cuda.so: it is a libtorch without CUDA');
}
