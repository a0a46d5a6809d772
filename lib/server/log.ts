import path from 'node:path';

import { createStream, type Logger, pino } from '../vendor/server.js';

/** Size at which a log file is rotated. The current file and three older ones are kept. */
const LOG_BYTES = '10M';

export interface ServerLog {
  logger: Logger;
  /** Writes all buffered lines. */
  close(): Promise<void>;
}

/** Logs JSON lines to stdout and to latest.log in the output folder. */
export function openLog(folder: string, level: string): ServerLog {
  const stdout = pino.destination({ dest: 1, sync: false });
  const file = createStream((index) => (index === null ? 'latest.log' : `latest.${String(index)}.log`), {
    path: folder,
    size: LOG_BYTES,
    rotate: 3,
  });
  file.on('error', (error: Error) => process.stderr.write(`${path.join(folder, 'latest.log')}: ${error.message}\n`));
  const logger = pino(
    { level, base: null, timestamp: pino.stdTimeFunctions.isoTime },
    pino.multistream([stdout, file].map((stream) => ({ stream, level: 'trace' as const }))),
  );
  return {
    logger,
    close: async () => {
      stdout.flushSync();
      await new Promise<void>((resolve) => file.end(resolve));
    },
  };
}
