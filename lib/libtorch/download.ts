import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, readdir, rename, rm, stat, statfs } from 'node:fs/promises';
import path from 'node:path';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ReadableStream } from 'node:stream/web';
import { fileURLToPath } from 'node:url';

import { EmotionError, messageOf } from '../errors.js';
import { extractKept } from './extract.js';
import { cachedLibtorch, cacheFolder } from './locate.js';
import { isAlive, withLock } from './lock.js';
import { KEPT_BYTES, LIBTORCH_VERSION, PINNED_WHEELS, type PinnedWheel, WHEEL_PLATFORM } from './pin.js';

export interface Progress {
  /** A line about what happens now. */
  say(line: string): void;
  /** Bytes so far; `total` is 0 when it is not known. */
  bytes(received: number, total: number): void;
}

type Environment = Record<string, string | undefined>;

/**
 * Brings the pinned libtorch into the cache: from a mirror (EMOTION2VEC_LIBTORCH_URL with EMOTION2VEC_LIBTORCH_SHA256), else
 * with pip. It appears under its name only when whole; two processes that race download once; a killed one leaves a folder
 * that the next one removes.
 * @throws EmotionError ERR_LIBTORCH_DOWNLOAD
 */
export async function downloadLibtorch(progress: Progress, env: Environment = process.env): Promise<void> {
  const target = cachedLibtorch(env);
  const cache = cacheFolder(env);
  try {
    await mkdir(cache, { recursive: true });
    const wait = (pid: number) => progress.say(`Waiting for process ${pid}, which is fetching libtorch`);
    await withLock(`${target}.lock`, wait, async () => {
      if (await exists(target)) return; // the process that held the lock has done it
      await removeLeftovers(cache);
      const part = `${target}.${process.pid}.part`;
      try {
        await fetchInto(part, progress, env);
        await rename(part, target);
      } finally {
        await rm(part, { recursive: true, force: true });
      }
    });
  } catch (cause) {
    if (cause instanceof EmotionError) throw cause;
    throw new EmotionError(
      'ERR_LIBTORCH_DOWNLOAD',
      `libtorch could not be fetched into ${cache}: ${messageOf(cause)}`,
      { cause },
    );
  }
}

async function fetchInto(folder: string, progress: Progress, env: Environment): Promise<void> {
  const archives = path.join(folder, 'archives');
  await mkdir(archives, { recursive: true });
  if (env.EMOTION2VEC_LIBTORCH_URL) {
    await fromMirror(env.EMOTION2VEC_LIBTORCH_URL, env.EMOTION2VEC_LIBTORCH_SHA256, archives, progress);
  } else {
    await fromPip(archives, progress);
  }
  progress.say('Extracting');
  for (const archive of await readdir(archives)) await extractKept(path.join(archives, archive), folder);
  await rm(archives, { recursive: true });
  if (!(await exists(path.join(folder, 'torch/lib/libtorch_cpu.so')))) {
    throw new Error('the archive holds no lib/libtorch_cpu.so');
  }
}

async function fromMirror(url: string, sha256: string | undefined, folder: string, progress: Progress): Promise<void> {
  if (!sha256) throw new Error('EMOTION2VEC_LIBTORCH_URL needs EMOTION2VEC_LIBTORCH_SHA256 beside it');
  progress.say(`Fetching libtorch from ${url}`);
  const file = path.join(folder, 'libtorch.zip');
  const { body, total } = await openUrl(url);
  let received = 0;
  const count = new Transform({
    transform(chunk: Buffer, _, done) {
      progress.bytes((received += chunk.length), total);
      done(null, chunk);
    },
  });
  await pipeline(body, count, createWriteStream(file));
  if (total > 0 && received !== total) throw new Error(`the connection ended after ${received} of ${total} bytes`);
  await checkHash(file, sha256, url);
}

async function openUrl(url: string): Promise<{ body: Readable; total: number }> {
  if (url.startsWith('file:')) {
    const file = fileURLToPath(url);
    return { body: createReadStream(file), total: (await stat(file)).size };
  }
  const response = await fetch(url);
  if (!response.ok || response.body === null)
    throw new Error(`${url} answered ${response.status} ${response.statusText}`);
  return {
    body: Readable.fromWeb(response.body as ReadableStream),
    total: Number(response.headers.get('content-length') ?? 0),
  };
}

async function fromPip(folder: string, progress: Progress): Promise<void> {
  const total = PINNED_WHEELS.reduce((sum, wheel) => sum + wheel.bytes, 0);
  const { bavail, bsize } = await statfs(folder);
  if (bavail * bsize < total + KEPT_BYTES) {
    const gigabytes = (bytes: number) => `${(bytes / 1e9).toFixed(1)} GB`;
    throw new Error(
      `the disk has ${gigabytes(bavail * bsize)} free, ${gigabytes(total + KEPT_BYTES)} are needed for a while`,
    );
  }
  progress.say(
    `Fetching libtorch ${LIBTORCH_VERSION} with pip: ${Math.round(total / 1e6)} MB, of which ${Math.round(KEPT_BYTES / 1e6)} MB unpacked stay`,
  );
  let before = 0;
  for (const wheel of PINNED_WHEELS) {
    const done = before;
    const size = wheel.bytes;
    await pipDownload(wheel, folder, (bytes) => progress.bytes(done + Math.min(bytes, size), total));
    before += size;
    progress.bytes(before, total);
  }
}

/** pip writes into its own temporary folder first: it is pointed into ours, so that nothing lands elsewhere and growth shows. */
async function pipDownload(wheel: PinnedWheel, folder: string, onBytes: (bytes: number) => void): Promise<void> {
  const temporary = path.join(path.dirname(folder), 'pip');
  const target = path.join(temporary, 'wheel');
  await mkdir(target, { recursive: true });
  const args = [
    '-m',
    'pip',
    'download',
    '--quiet',
    '--no-deps',
    '--no-cache-dir',
    '--disable-pip-version-check',
    ...WHEEL_PLATFORM,
    '--dest',
    target,
    wheel.requirement,
  ];
  const pip = spawn('python3', args, {
    env: { ...process.env, TMPDIR: temporary },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let complaint = '';
  pip.stderr.on('data', (chunk: Buffer) => (complaint = (complaint + chunk.toString()).slice(-4000)));
  const timer = setInterval(() => void folderSize(temporary).then(onBytes, () => undefined), 500);
  try {
    const status = await new Promise<number | null>((resolve, reject) => {
      pip.on('error', () =>
        reject(new Error('python3 was not found; it is needed for pip, or set EMOTION2VEC_LIBTORCH_URL or LIBTORCH')),
      );
      pip.on('close', resolve);
    });
    if (status !== 0) throw new Error(`pip ended with status ${status}: ${complaint.trim().split('\n').at(-1) ?? ''}`);
  } finally {
    clearInterval(timer);
  }
  const [name] = await readdir(target);
  if (name === undefined) throw new Error(`pip gave no file for ${wheel.requirement}`);
  await checkHash(path.join(target, name), wheel.sha256, wheel.requirement);
  await rename(path.join(target, name), path.join(folder, name));
  await rm(temporary, { recursive: true });
}

async function checkHash(file: string, expected: string, what: string): Promise<void> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(file), hash);
  const actual = hash.digest('hex');
  if (actual !== expected.toLowerCase()) throw new Error(`${what} has sha256 ${actual}, not ${expected}`);
}

async function folderSize(folder: string): Promise<number> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const sizes = await Promise.all(
    entries.filter((e) => e.isFile()).map(async (e) => (await stat(path.join(e.parentPath, e.name))).size),
  );
  return Math.max(0, ...sizes);
}

/** Folders of downloads whose process was killed. */
async function removeLeftovers(cache: string): Promise<void> {
  for (const name of await readdir(cache)) {
    const pid = Number(/^libtorch-.*\.(\d+)\.part$/.exec(name)?.[1]);
    if (pid && !isAlive(pid)) await rm(path.join(cache, name), { recursive: true, force: true });
  }
}

async function exists(file: string): Promise<boolean> {
  return stat(file).then(
    () => true,
    () => false,
  );
}
