/** Progress on stderr, so that stdout holds results only. */
import { SingleBar } from 'cli-progress';

import { formatPercent } from '../output/text.js';

/** Reports that `done` of `total` units of work are done. A total of 0 means that it is not known yet. */
export type ReportProgress = (done: number, total: number) => void;

/** Runs `work` and shows its progress: as a bar on a terminal, elsewhere as a line for every ten percent. */
export function withProgress<T>(work: (report: ReportProgress) => Promise<T>): Promise<T> {
  return process.stderr.isTTY ? withBar(work) : withLines(work);
}

async function withBar<T>(work: (report: ReportProgress) => Promise<T>): Promise<T> {
  const bar = new SingleBar({ format: '{bar} {percentage}%', barsize: 40, stream: process.stderr, hideCursor: true });
  let started = false;
  try {
    return await work((done, total) => {
      if (!started) bar.start(100, 0);
      started = true;
      bar.update(Math.floor(100 * fractionOf(done, total)));
    });
  } finally {
    bar.stop();
  }
}

function withLines<T>(work: (report: ReportProgress) => Promise<T>): Promise<T> {
  let tenths = 0;
  return work((done, total) => {
    const reached = Math.floor(10 * fractionOf(done, total));
    if (reached <= tenths) return;
    tenths = reached;
    process.stderr.write(`  ${formatPercent(tenths / 10, 0)}\n`);
  });
}

function fractionOf(done: number, total: number): number {
  return total > 0 ? done / total : 0;
}

/**
 * Writes results to stdout and errors to stderr. On a terminal, a progress bar stays below them when there is more than one
 * clip.
 */
export class ProgressScreen {
  readonly #bar: SingleBar | undefined;

  /** @param total number of clips */
  constructor(total: number) {
    if (total < 2 || !process.stderr.isTTY) return;
    this.#bar = new SingleBar({
      format: '{bar} {value}/{total} clips',
      stream: process.stderr,
      hideCursor: true,
      clearOnComplete: true,
      linewrap: true,
      barsize: 30,
    });
    this.#bar.start(total, 0);
  }

  print(text: string): void {
    if (text === '') return;
    this.#writeAboveBar(() => process.stdout.write(text));
  }

  printError(line: string): void {
    this.#writeAboveBar(() => process.stderr.write(`${line}\n`));
  }

  increment(): void {
    this.#bar?.increment();
  }

  stop(): void {
    this.#bar?.stop();
  }

  /**
   * Writes in place of the bar, which the next increment draws again below. cli-progress saves the position of the cursor once,
   * when it starts, and returns to it when it stops, which would erase the first result. Therefore the position is saved again.
   */
  #writeAboveBar(write: () => void): void {
    if (!this.#bar?.isActive) {
      write();
      return;
    }
    process.stderr.write('\r\x1b[K');
    write();
    process.stderr.write('\x1b7');
  }
}
