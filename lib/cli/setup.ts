import { SingleBar } from 'cli-progress';

import { EmotionError } from '../errors.js';
import { downloadLibtorch } from '../libtorch/download.js';
import { type Libtorch, locateLibtorch } from '../libtorch/locate.js';
import { addonIsCurrent, buildAddon } from '../native/build.js';
import { findAddon } from '../native/paths.js';

/** `emotion2vec setup`: makes everything ready and says where it is. */
export async function runSetup(): Promise<number> {
  const libtorch = await prepare();
  console.log(`libtorch ${libtorch.version}: ${libtorch.root} (${libtorch.source})`);
  console.log(`addon: ${findAddon()?.torch ?? 'missing'}`);
  return 0;
}

/**
 * Fetches libtorch and builds the addon where that is not done yet, telling about it on stderr; silent otherwise.
 * @throws EmotionError ERR_LIBTORCH_DOWNLOAD, ERR_LIBTORCH_MISSING, ERR_ADDON_BUILD
 */
export async function prepare(): Promise<Libtorch> {
  const say = (line: string): void => void process.stderr.write(`${line}\n`);
  let libtorch = locateLibtorch();
  if (libtorch === undefined) {
    await withMeter((meter) =>
      downloadLibtorch({ say, bytes: (done, total) => meter(total > 0 ? (100 * done) / total : 0) }),
    );
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
