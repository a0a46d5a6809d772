import path from 'node:path';
import pino, { type Logger } from 'pino';

/** Of a log file; four of them are kept. */
const LOG_BYTES = '10M';

export interface ServerLog {
  logger: Logger;
  /** Writes out what is left. */
  close(): Promise<void>;
}

/** JSON lines to stdout and to latest.log in the output folder, which does not grow for ever. */
export async function openLog(folder: string, level: string): Promise<ServerLog> {
  const { createStream } = await import('rotating-file-stream'); // its types know ES modules only
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
