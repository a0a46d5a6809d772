import { removePartsUnderWay } from '../shared/whole-file.js';

/** Of a terminal that is closed, of a service that is stopped, of Ctrl-C. */
const SIGNALS = ['SIGHUP', 'SIGTERM', 'SIGINT'] as const;

/** Runs `work`; what it has half written goes when the user interrupts it. */
export async function removePartsOnInterrupt<T>(work: () => Promise<T>): Promise<T> {
  const removeParts = (signal: NodeJS.Signals): void => {
    removePartsUnderWay();
    process.kill(process.pid, signal); // dies of it, as whoever waits for us expects
  };
  for (const signal of SIGNALS) process.once(signal, removeParts);
  try {
    return await work();
  } finally {
    for (const signal of SIGNALS) process.off(signal, removeParts);
  }
}
