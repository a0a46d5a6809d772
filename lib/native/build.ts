import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createWriteStream, existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';

import type { Libtorch } from '../libtorch/locate.js';
import { EmotionError, hasSystemCode, messageOf } from '../shared/errors.js';
import { withLock } from '../shared/lock.js';
import { packageRoot } from '../shared/package-root.js';
import { findAddon } from './addon-files.js';

const BUILD = path.join(packageRoot, 'build');
const RELEASE = path.join(BUILD, 'Release');
const STAMP = path.join(RELEASE, 'sources.sha256');
const LOG = path.join(BUILD, 'build.log');

/** Returns whether there is an addon that is prebuilt, or was built in this checkout from the current sources. */
export function addonIsCurrent(libtorch: Libtorch): boolean {
  if (findAddon() === undefined) return false;
  if (!existsSync(path.join(RELEASE, 'emotion2vec.node'))) return true; // a prebuilt binary
  return existsSync(STAMP) && readFileSync(STAMP, 'utf8') === fingerprint(libtorch);
}

/**
 * Builds the addon with cmake-js, in a folder of its own, and then moves it into build/Release. If two processes need it, one
 * builds it and the other waits.
 * @param percent called with the progress of the compiler
 * @throws EmotionError ERR_ADDON_BUILD, with the first error in the compiler's output
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
      remedy: hasSystemCode(cause, 'EACCES', 'EPERM')
        ? `Run \`npx emotion2vec setup\` as the owner of ${packageRoot}, or as root.`
        : 'Check that it is a writable folder and that the disk is not full.',
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
    await compile(libtorch, work, percent);
    // File by file, because node-gyp keeps files of its own in that folder. The stamp exists only while everything else is complete.
    await mkdir(RELEASE, { recursive: true });
    await rm(STAMP, { force: true });
    for (const name of ['libemotion2vec_torch.so', 'emotion2vec.node']) {
      await rename(path.join(work, 'Release', name), path.join(RELEASE, name));
    }
    await writeFile(STAMP, fingerprint(libtorch));
    await rm(work, { recursive: true, force: true });
  });
}

/** A progress line of the compiler. The name of a source in it may contain "error". */
const PROGRESS = /^\[ *\d+(%|\/\d+)\]/;

/** Returns the path of the script of cmake-js. */
function cmakeJs(): string {
  return path.join(__dirname, '../vendor/cmake-js.js');
}

async function compile(libtorch: Libtorch, work: string, percent: (done: number) => void): Promise<void> {
  const args = [
    cmakeJs(),
    'compile',
    `--directory=${packageRoot}`,
    `--out=${work}`,
    '--config=Release',
    '--parallel=2',
    `--CDLIBTORCH=${libtorch.root}`,
  ];
  const log = createWriteStream(LOG);
  let logged = `the whole log is in ${LOG}`;
  log.on('error', (error) => (logged = `its log could not be written: ${error.message}`)); // the build continues
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
      reject(new EmotionError('ERR_ADDON_BUILD', `cmake-js could not be started: ${messageOf(cause)}`, { cause })),
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

/** Returns a hash of all inputs of the build: the sources, CMakeLists.txt, and the version of libtorch. */
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
