import { removePartsUnderWay } from '../shared/whole-file.js';

/** The signals of a closed terminal, of a stopped service and of Ctrl-C. */
const SIGNALS = ['SIGHUP', 'SIGTERM', 'SIGINT'] as const;

/** Runs `work`. If the user interrupts it, its unfinished files are removed. */
export async function removePartsOnInterrupt<T>(work: () => Promise<T>): Promise<T> {
  const removeParts = (signal: NodeJS.Signals): void => {
    removePartsUnderWay();
    process.kill(process.pid, signal); // the parent process expects to see the signal
  };
  for (const signal of SIGNALS) process.once(signal, removeParts);
  try {
    return await work();
  } finally {
    for (const signal of SIGNALS) process.off(signal, removeParts);
  }
}
