import { rmSync } from 'node:fs';

/** Runs `work`, which writes the archive `output`; what is half written goes when the user interrupts it. */
export async function removePartOnInterrupt<T>(output: string, work: () => Promise<T>): Promise<T> {
  const removePart = (): void => {
    rmSync(`${output}.${process.pid}.part`, { force: true });
    process.kill(process.pid, 'SIGINT'); // dies of it, as whoever waits for us expects
  };
  process.once('SIGINT', removePart);
  try {
    return await work();
  } finally {
    process.off('SIGINT', removePart);
  }
}
