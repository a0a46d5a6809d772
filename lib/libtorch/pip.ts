import { spawn } from 'node:child_process';
import { mkdir, readdir, rename, rm, stat, statfs } from 'node:fs/promises';
import path from 'node:path';

import { messageOf } from '../shared/errors.js';
import { largest } from '../shared/largest.js';
import type { Progress } from './download.js';
import { notFetched } from './failure.js';
import { checkHash } from './hash.js';
import type { Environment } from './locate.js';
import {
  downloadBytes,
  fetchSpace,
  LIBTORCH_VERSION,
  type LibtorchSet,
  type PinnedWheel,
  WHEEL_PLATFORM,
} from './pin.js';

const NO_PIP = 'Install pip (apt-get install python3-pip), or set EMOTION2VEC_LIBTORCH_URL or LIBTORCH.';
const OTHER_WHEEL = 'Check which index pip asks (`pip config list`), or set EMOTION2VEC_LIBTORCH_URL or LIBTORCH.';

/** The wheels of `set`, each fetched into `folder` when the one before it may be gone. */
export async function* fromPip(
  set: LibtorchSet,
  folder: string,
  progress: Progress,
  env: Environment,
): AsyncGenerator<string> {
  await checkSpace(set, folder);
  const total = downloadBytes(set);
  const megabytes = (bytes: number) => `${Math.round(bytes / 1e6)} MB`;
  progress.say(
    `Fetching libtorch ${LIBTORCH_VERSION} with pip: ${megabytes(total)}, of which ${megabytes(set.keptBytes)} unpacked stay`,
  );
  let before = 0;
  for (const wheel of set.wheels) {
    const done = before;
    const size = wheel.bytes;
    const file = await download(wheel, folder, env, (bytes) => progress.bytes(done + Math.min(bytes, size), total));
    before += size;
    progress.bytes(before, total);
    yield file;
  }
}

/** pip has a wheel twice for a moment: it copies what it has downloaded. */
async function checkSpace(set: LibtorchSet, folder: string): Promise<void> {
  const needed = fetchSpace(set);
  const { bavail, bsize } = await statfs(folder);
  if (bavail * bsize >= needed) return;
  const gigabytes = (bytes: number) => `${(bytes / 1e9).toFixed(1)} GB`;
  throw new Error(`the disk has ${gigabytes(bavail * bsize)} free, ${gigabytes(needed)} are needed for a while`);
}

/** pip writes into its own temporary folder first: it is pointed into ours, so that nothing lands elsewhere and growth shows. */
async function download(
  wheel: PinnedWheel,
  folder: string,
  env: Environment,
  onBytes: (bytes: number) => void,
): Promise<string> {
  const temporary = path.join(folder, 'pip');
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
  const pip = spawn('python3', args, { env: { ...env, TMPDIR: temporary }, stdio: ['ignore', 'ignore', 'pipe'] });
  let complaint = '';
  pip.stderr.on('data', (chunk: Buffer) => (complaint = (complaint + chunk.toString()).slice(-4000)));
  const timer = setInterval(() => void largestFile(temporary).then(onBytes, () => undefined), 500);
  try {
    const status = await new Promise<number | null>((resolve, reject) => {
      pip.on('error', (cause: NodeJS.ErrnoException) => {
        const what = cause.code === 'ENOENT' ? 'python3 was not found, whose pip is needed' : messageOf(cause);
        reject(notFetched(what, { remedy: NO_PIP, cause }));
      });
      pip.on('close', resolve);
    });
    if (/No module named '?pip\b/.test(complaint)) throw notFetched('python3 has no pip', { remedy: NO_PIP });
    if (status !== 0) throw new Error(`pip ended with status ${status}: ${reasonIn(complaint)}`);
  } finally {
    clearInterval(timer);
  }
  const [name] = await readdir(target);
  if (name === undefined) throw new Error(`pip gave no file for ${wheel.requirement}`);
  await checkHash(path.join(target, name), wheel.sha256, wheel.requirement, OTHER_WHEEL);
  const file = path.join(folder, name);
  await rename(path.join(target, name), file);
  await rm(temporary, { recursive: true });
  return file;
}

/** Its last line, which tells of no distribution where nothing was reached: then after the first about the connection. */
function reasonIn(complaint: string): string {
  const lines = complaint.trim().split('\n');
  const last = lines.pop() ?? '';
  const connection = lines.find((line) => /Retrying|Proxy|Connection|SSL|timed out/i.test(line));
  return connection === undefined ? last : `${connection.trim()}; ${last}`;
}

async function largestFile(folder: string): Promise<number> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const sizes = await Promise.all(
    entries.filter((e) => e.isFile()).map(async (e) => (await stat(path.join(e.parentPath, e.name))).size),
  );
  return largest(sizes, 0);
}
