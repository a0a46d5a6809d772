import { spawn } from 'node:child_process';
import { mkdir, readdir, rename, rm, stat, statfs } from 'node:fs/promises';
import path from 'node:path';

import { formatBytes } from '../shared/bytes.js';
import { hasSystemCode, messageOf } from '../shared/errors.js';
import { largest } from '../shared/largest.js';
import { checkHash, downloadError } from './download-error.js';
import type { Environment } from './locate.js';
import {
  downloadBytes,
  downloadSpace,
  LIBTORCH_VERSION,
  type LibtorchSet,
  type PinnedWheel,
  WHEEL_PLATFORM,
} from './pin.js';
import type { Progress } from './progress.js';

const NO_PIP = 'Install pip (apt-get install python3-pip), or set EMOTION2VEC_LIBTORCH_URL or LIBTORCH.';
const OTHER_WHEEL =
  'Check which package index pip uses (`pip config list`), or set EMOTION2VEC_LIBTORCH_URL or LIBTORCH.';

/** Downloads the wheels of `set` into `folder` and yields their paths. Each is downloaded when the caller requests it. */
export async function* fromPip(
  set: LibtorchSet,
  folder: string,
  progress: Progress,
  env: Environment,
): AsyncGenerator<string> {
  await checkSpace(set, folder);
  const total = downloadBytes(set);
  progress.say(
    `Downloading libtorch ${LIBTORCH_VERSION} with pip: ${formatBytes(total)}, of which ${formatBytes(set.keptBytes)} remain after unpacking`,
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

async function checkSpace(set: LibtorchSet, folder: string): Promise<void> {
  const needed = downloadSpace(set);
  const { bavail, bsize } = await statfs(folder);
  if (bavail * bsize >= needed) return;
  throw new Error(
    `the disk has ${formatBytes(bavail * bsize)} free, but ${formatBytes(needed)} are needed temporarily`,
  );
}

/**
 * pip first writes into its temporary folder. That folder is placed inside `folder`, so that nothing is left elsewhere and the
 * progress can be read from the size of the file.
 */
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
  let stderr = '';
  pip.stderr.on('data', (chunk: Buffer) => (stderr = (stderr + chunk.toString()).slice(-4000)));
  const timer = setInterval(() => void largestFile(temporary).then(onBytes, () => undefined), 500);
  try {
    const status = await new Promise<number | null>((resolve, reject) => {
      pip.on('error', (cause) => {
        const reason = hasSystemCode(cause, 'ENOENT')
          ? 'python3 was not found, and its pip is needed'
          : messageOf(cause);
        reject(downloadError(reason, { remedy: NO_PIP, cause }));
      });
      pip.on('close', resolve);
    });
    if (/No module named '?pip\b/.test(stderr)) throw downloadError('python3 has no pip', { remedy: NO_PIP });
    if (status !== 0) throw new Error(`pip exited with status ${status}: ${reasonOf(stderr)}`);
  } finally {
    clearInterval(timer);
  }
  const [name] = await readdir(target);
  if (name === undefined) throw new Error(`pip downloaded no file for ${wheel.requirement}`);
  await checkHash(path.join(target, name), wheel.sha256, wheel.requirement, OTHER_WHEEL);
  const file = path.join(folder, name);
  await rename(path.join(target, name), file);
  await rm(temporary, { recursive: true });
  return file;
}

/**
 * Returns the last line that pip wrote. If pip could not connect, that line only says that no distribution was found, so the
 * first line about the connection precedes it.
 */
function reasonOf(stderr: string): string {
  const lines = stderr.trim().split('\n');
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
