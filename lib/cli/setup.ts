import { createInterface } from 'node:readline/promises';

import { downloadLibtorch, removeCpuSet } from '../libtorch/download.js';
import { cachedLibtorch, type Libtorch, locateLibtorch, pythonLibtorch } from '../libtorch/locate.js';
import { CPU_SET, CUDA_SET, CUDA_VERSION, downloadBytes, LIBTORCH_VERSION } from '../libtorch/pin.js';
import { findAddon } from '../native/addon-files.js';
import { addonIsCurrent, buildAddon } from '../native/build.js';
import { checkPlatform } from '../native/platform.js';
import { formatBytes } from '../shared/bytes.js';
import { EmotionError } from '../shared/errors.js';
import { EXIT } from './exit-status.js';
import { removePartsOnInterrupt } from './interrupt.js';
import { withProgress } from './progress.js';

export interface SetupFlags {
  cuda?: boolean;
  yes?: boolean;
}

/** `emotion2vec setup`: prepares libtorch and the addon, and prints where they are. Returns the exit status. */
export async function runSetup(flags: SetupFlags): Promise<number> {
  checkPlatform();
  if (flags.cuda) {
    const status = await prepareCuda(flags.yes === true);
    if (status !== EXIT.success) return status;
  }
  const libtorch = await prepare();
  console.log(`libtorch ${libtorch.version}${cudaSuffix(libtorch)}: ${libtorch.root} (${libtorch.source})`);
  console.log(`addon: ${findAddon()?.torch ?? 'missing'}`);
  return EXIT.success;
}

/**
 * Downloads libtorch and builds the addon, unless both are ready. Reports what it does on stderr.
 * @throws EmotionError ERR_PLATFORM, ERR_LIBTORCH_DOWNLOAD, ERR_LIBTORCH_MISSING, ERR_ADDON_BUILD
 */
export async function prepare(): Promise<Libtorch> {
  checkPlatform(); // nothing is downloaded to a system that cannot use it
  let libtorch = locateLibtorch();
  if (libtorch === undefined) {
    await download({ cuda: false });
    libtorch = locateLibtorch();
    if (libtorch === undefined) {
      throw new EmotionError('ERR_LIBTORCH_MISSING', 'libtorch was downloaded but cannot be found');
    }
  }
  if (!addonIsCurrent(libtorch)) {
    const found = libtorch;
    report(`Building the addon against libtorch ${found.version}. This takes a few minutes.`);
    await withProgress((progress) => buildAddon(found, report, (percent) => progress(percent, 100)));
  }
  return libtorch;
}

/** Makes the package use a libtorch with CUDA. Downloads gigabytes only with the consent of the user. */
async function prepareCuda(consent: boolean): Promise<number> {
  const found = locateLibtorch();
  if (found?.cuda) {
    report(`libtorch${cudaSuffix(found)} is already installed: ${found.root} (${found.source})`);
    return EXIT.success;
  }
  if (found?.source === 'LIBTORCH') {
    throw new EmotionError(
      'ERR_LIBTORCH_MISSING',
      `LIBTORCH names ${found.root}, a libtorch without CUDA, which takes precedence over a downloaded one`,
      { remedy: `Unset LIBTORCH, or set it to a libtorch ${LIBTORCH_VERSION} with CUDA.` },
    );
  }
  const python = pythonLibtorch();
  if (python?.cuda) {
    report(`Using the libtorch of Python in ${python.root}, which has CUDA. Removing the downloaded one without CUDA.`);
    await removeCpuSet();
    return EXIT.success;
  }
  describeCudaDownload(found !== undefined);
  if (!consent) {
    if (!process.stdin.isTTY || !process.stderr.isTTY) {
      report('emotion2vec: there is no terminal for a confirmation. Use --yes to download without asking.');
      return EXIT.usage;
    }
    if (!(await confirm('Continue?'))) {
      report('Nothing was downloaded.');
      return EXIT.failure;
    }
  }
  await download({ cuda: true });
  return EXIT.success;
}

function describeCudaDownload(replacesCpuSet: boolean): void {
  const mirror = process.env.EMOTION2VEC_LIBTORCH_URL;
  const source = mirror ? `from ${mirror}` : `with pip (${formatBytes(downloadBytes(CUDA_SET))})`;
  const replaced = replacesCpuSet ? `, instead of ${formatBytes(CPU_SET.keptBytes)} without CUDA` : '';
  report(`libtorch ${LIBTORCH_VERSION} with CUDA ${CUDA_VERSION} will be downloaded ${source}.`);
  report(`It takes ${formatBytes(CUDA_SET.keptBytes)} in ${cachedLibtorch(process.env, CUDA_SET)}${replaced}.`);
}

function download(options: { cuda: boolean }): Promise<void> {
  return removePartsOnInterrupt(() =>
    withProgress((progress) => downloadLibtorch({ say: report, bytes: progress }, options)),
  );
}

/** Returns whether the user answers `y` or `yes`. Any other answer, the end of input and Ctrl-C count as no. */
async function confirm(question: string): Promise<boolean> {
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

function cudaSuffix({ cuda, cudaVersion }: Libtorch): string {
  return cuda ? ` with CUDA ${cudaVersion ?? ''}`.trimEnd() : '';
}

function report(line: string): void {
  process.stderr.write(`${line}\n`);
}
