import { SingleBar } from 'cli-progress';
import { createInterface } from 'node:readline/promises';

import { EmotionError } from '../shared/errors.js';
import { downloadLibtorch, removeCpuSet } from '../libtorch/download.js';
import { cachedLibtorch, type Libtorch, locateLibtorch, pythonLibtorch } from '../libtorch/locate.js';
import { CPU_SET, CUDA_SET, CUDA_VERSION, downloadBytes, LIBTORCH_VERSION } from '../libtorch/pin.js';
import { addonIsCurrent, buildAddon } from '../native/build.js';
import { findAddon } from '../native/addon-files.js';
import { checkPlatform } from '../native/platform.js';
import { removePartsOnInterrupt } from './interrupt.js';

const USAGE = 2;

export interface SetupFlags {
  cuda?: boolean;
  yes?: boolean;
}

/** `emotion2vec setup`: makes everything ready and says where it is. */
export async function runSetup(flags: SetupFlags): Promise<number> {
  checkPlatform();
  if (flags.cuda) {
    const status = await prepareCuda(flags.yes === true);
    if (status !== 0) return status;
  }
  const libtorch = await prepare();
  console.log(`libtorch ${libtorch.version}${withCuda(libtorch)}: ${libtorch.root} (${libtorch.source})`);
  console.log(`addon: ${findAddon()?.torch ?? 'missing'}`);
  return 0;
}

/**
 * Fetches libtorch and builds the addon where that is not done yet, telling about it on stderr; silent otherwise.
 * @throws EmotionError ERR_PLATFORM, ERR_LIBTORCH_DOWNLOAD, ERR_LIBTORCH_MISSING, ERR_ADDON_BUILD
 */
export async function prepare(): Promise<Libtorch> {
  checkPlatform(); // nothing is fetched for a system that cannot use it
  let libtorch = locateLibtorch();
  if (libtorch === undefined) {
    await fetchLibtorch(false);
    libtorch = locateLibtorch();
    if (libtorch === undefined) throw new EmotionError('ERR_LIBTORCH_MISSING', 'libtorch was fetched and is not there');
  }
  if (!addonIsCurrent(libtorch)) {
    const found = libtorch;
    say(`Building the addon against libtorch ${found.version}: some minutes`);
    await withMeter((meter) => buildAddon(found, say, meter));
  }
  return libtorch;
}

/** Makes the libtorch that will be found one with CUDA. Gigabytes are only fetched when somebody has agreed. */
async function prepareCuda(agreed: boolean): Promise<number> {
  const found = locateLibtorch();
  if (found?.cuda) {
    say(`libtorch${withCuda(found)} is there already: ${found.root} (${found.source})`);
    return 0;
  }
  if (found?.source === 'LIBTORCH') {
    throw new EmotionError(
      'ERR_LIBTORCH_MISSING',
      `LIBTORCH is ${found.root}, a libtorch without CUDA, and goes before one that is fetched`,
      { remedy: `Unset LIBTORCH, or set it to a libtorch ${LIBTORCH_VERSION} with CUDA.` },
    );
  }
  const python = pythonLibtorch();
  if (python?.cuda) {
    say(`Python's torch in ${python.root} has CUDA: the libtorch without it, which went before, is removed.`);
    await removeCpuSet();
    return 0;
  }
  const mirror = process.env.EMOTION2VEC_LIBTORCH_URL;
  const source = mirror ? `is fetched from ${mirror}` : `is fetched with pip, ${gigabytes(downloadBytes(CUDA_SET))}`;
  const instead = found === undefined ? '' : `, in place of the ${gigabytes(CPU_SET.keptBytes)} without CUDA`;
  say(`libtorch ${LIBTORCH_VERSION} with CUDA ${CUDA_VERSION} ${source}.`);
  say(`${gigabytes(CUDA_SET.keptBytes)} stay in ${cachedLibtorch(process.env, CUDA_SET)}${instead}.`);
  if (!agreed) {
    if (!process.stdin.isTTY || !process.stderr.isTTY) {
      say('emotion2vec: there is no terminal to ask on: --yes fetches it without asking');
      return USAGE;
    }
    if (!(await confirmed('Continue?'))) {
      say('Nothing was fetched.');
      return 1;
    }
  }
  await fetchLibtorch(true);
  return 0;
}

function fetchLibtorch(cuda: boolean): Promise<void> {
  const work = () =>
    withMeter((meter) =>
      downloadLibtorch({ say, bytes: (done, total) => meter(total > 0 ? (100 * done) / total : 0) }, { cuda }),
    );
  return removePartsOnInterrupt(work);
}

/** Anything but y or yes is no, the end of input and Ctrl-C too. */
async function confirmed(question: string): Promise<boolean> {
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  // Node 20.19 never settles a question whose interface is closed; 20.20 rejects it.
  const closed = new Promise<string>((resolve) => lines.once('close', () => resolve('')));
  try {
    const answer = lines.question(`${question} [y/N] `).catch(() => '');
    return /^\s*y(es)?\s*$/i.test(await Promise.race([answer, closed]));
  } finally {
    lines.close();
  }
}

function withCuda({ cuda, cudaVersion }: Libtorch): string {
  return cuda ? ` with CUDA ${cudaVersion ?? ''}`.trimEnd() : '';
}

function gigabytes(bytes: number): string {
  return `${(bytes / 1e9).toFixed(1)} GB`;
}

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

/** Shows per cent on stderr: a bar where a person watches, a line every tenth elsewhere. */
export async function withMeter<T>(work: (meter: (percent: number) => void) => Promise<T>): Promise<T> {
  if (!process.stderr.isTTY) {
    let shown = 0;
    return work((percent) => {
      if (percent < shown + 10) return;
      shown = Math.floor(percent / 10) * 10;
      process.stderr.write(`  ${shown} %\n`);
    });
  }
  const bar = new SingleBar({ format: '{bar} {percentage} %', barsize: 40, stream: process.stderr, hideCursor: true });
  let started = false;
  try {
    return await work((percent) => {
      if (!started) bar.start(100, 0);
      started = true;
      bar.update(Math.floor(percent));
    });
  } finally {
    bar.stop();
  }
}
