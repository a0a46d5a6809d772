import { rmSync } from 'node:fs';

/** Runs `work`, which writes the file or folder `output`; what is half written goes when the user interrupts it. */
export async function removePartOnInterrupt<T>(output: string, work: () => Promise<T>): Promise<T> {
  const removePart = (): void => {
    // Again where a thread makes a file meanwhile.
    rmSync(`${output}.${process.pid}.part`, { recursive: true, force: true, maxRetries: 5 });
    process.kill(process.pid, 'SIGINT'); // dies of it, as whoever waits for us expects
  };
  process.once('SIGINT', removePart);
  try {
    return await work();
  } finally {
    process.off('SIGINT', removePart);
  }
}
