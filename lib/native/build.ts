import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createWriteStream, existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';

import { EmotionError, messageOf } from '../shared/errors.js';
import type { Libtorch } from '../libtorch/locate.js';
import { withLock } from '../libtorch/lock.js';
import { findAddon, packageRoot } from './paths.js';

const BUILD = path.join(packageRoot, 'build');
const RELEASE = path.join(BUILD, 'Release');
const STAMP = path.join(RELEASE, 'sources.sha256');
const LOG = path.join(BUILD, 'build.log');

/** Whether there is an addon, and, where it was built in this checkout, whether it was built from the sources as they are. */
export function addonIsCurrent(libtorch: Libtorch): boolean {
  if (findAddon() === undefined) return false;
  if (!existsSync(path.join(RELEASE, 'emotion2vec.node'))) return true; // a prebuilt binary
  return existsSync(STAMP) && readFileSync(STAMP, 'utf8') === fingerprint(libtorch);
}

/**
 * Builds the addon with cmake-js. It is built aside and moved into build/Release when whole; two processes that race build
 * once.
 * @throws EmotionError ERR_ADDON_BUILD, with the compiler's last words
 */
export async function buildAddon(
  libtorch: Libtorch,
  say: (line: string) => void,
  percent: (done: number) => void,
): Promise<void> {
  try {
    await buildOnce(libtorch, say, percent);
  } catch (cause) {
    if (cause instanceof EmotionError) throw cause;
    throw new EmotionError('ERR_ADDON_BUILD', `The addon could not be built in ${BUILD}: ${messageOf(cause)}`, {
      cause,
      remedy: ['EACCES', 'EPERM'].includes((cause as NodeJS.ErrnoException).code ?? '')
        ? `Run \`npx emotion2vec setup\` as the owner of ${packageRoot}, or as root.`
        : 'Check that it is a folder that can be written and the disk has room.',
    });
  }
}

async function buildOnce(
  libtorch: Libtorch,
  say: (line: string) => void,
  percent: (done: number) => void,
): Promise<void> {
  await mkdir(BUILD, { recursive: true });
  const wait = (pid: number) => say(`Waiting for process ${pid}, which is building the addon`);
  await withLock(path.join(BUILD, 'lock'), wait, async () => {
    if (addonIsCurrent(libtorch)) return;
    const work = path.join(BUILD, 'work');
    await rm(work, { recursive: true, force: true });
    await cmakeJs(libtorch, work, percent);
    // File by file, as node-gyp keeps files of its own in there; the stamp is only there when all the rest is.
    await mkdir(RELEASE, { recursive: true });
    await rm(STAMP, { force: true });
    for (const name of ['libemotion2vec_torch.so', 'emotion2vec.node']) {
      await rename(path.join(work, 'Release', name), path.join(RELEASE, name));
    }
    await writeFile(STAMP, fingerprint(libtorch));
    await rm(work, { recursive: true, force: true });
  });
}

/** Names of sources in it may say "error". */
const PROGRESS = /^\[ *\d+(%|\/\d+)\]/;

async function cmakeJs(libtorch: Libtorch, work: string, percent: (done: number) => void): Promise<void> {
  const args = [
    require.resolve('cmake-js/bin/cmake-js'),
    'compile',
    `--directory=${packageRoot}`,
    `--out=${work}`,
    '--config=Release',
    '--parallel=2',
    `--CDLIBTORCH=${libtorch.root}`,
  ];
  const log = createWriteStream(LOG);
  let logged = `the whole log is in ${LOG}`;
  log.on('error', (error) => (logged = `its log could not be written: ${error.message}`)); // builds nevertheless
  const child = spawn(process.execPath, args, { cwd: packageRoot, stdio: ['ignore', 'pipe', 'pipe'] });
  let tail = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      log.write(chunk);
      const text = chunk.toString();
      tail = (tail + text).slice(-20_000);
      for (const match of text.matchAll(/\[ *(\d+)%\]|\[(\d+)\/(\d+)\]/g)) {
        percent(match[1] === undefined ? (100 * Number(match[2])) / Number(match[3]) : Number(match[1]));
      }
    });
  }
  const status = await new Promise<number | null>((resolve, reject) => {
    child.on('error', (cause) =>
      reject(new EmotionError('ERR_ADDON_BUILD', `cmake-js did not start: ${messageOf(cause)}`, { cause })),
    );
    child.on('close', resolve);
  });
  log.end();
  if (status !== 0) {
    const reason = tail
      .split('\n')
      .filter((line) => !PROGRESS.test(line) && /error|not found|ENOENT|cannot|No CMAKE/i.test(line))
      .at(0);
    const why = reason === undefined ? '' : `: ${reason.trim().slice(0, 300).replace(/\.$/, '')}`;
    throw new EmotionError('ERR_ADDON_BUILD', `The addon did not build${why} (${logged})`);
  }
}

/** Of everything that makes the binary: the sources, their list and the libtorch they are compiled against. */
function fingerprint(libtorch: Libtorch): string {
  const hash = createHash('sha256').update(libtorch.version);
  const native = path.join(packageRoot, 'native');
  const sources = readdirSync(native, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath, entry.name))
    .sort();
  for (const file of [path.join(packageRoot, 'CMakeLists.txt'), ...sources])
    hash.update(file.slice(packageRoot.length)).update(readFileSync(file));
  return hash.digest('hex');
}
