import { isIP } from 'node:net';

import { makeFolder } from '../output/folder.js';
import { EmotionRecognizer } from '../recognition/recognizer.js';
import type { EmotionServer } from '../server/server.js';
import { EmotionError, hasSystemCode, messageOf } from '../shared/errors.js';
import { shown } from '../shared/text.js';
import { type PlacementFlags, placementOptions } from './placement.js';
import { prepare } from './setup.js';

export interface ServeFlags extends PlacementFlags {
  host: string;
  port: number;
  model?: string;
  maxQueue: number;
  warmUp?: boolean;
  /** Milliseconds. */
  idleUnload?: number;
  output: string;
  /** Seconds. Infinity: forever. False: --no-keep. */
  keep: number | false;
  keepBytes: number;
  maxUpload: number;
  maxDuration: number;
  /** Milliseconds. */
  timeout: number;
  token?: string;
  rateLimit?: number;
  corsOrigin: string[];
  trustProxy?: number | string[];
  maxConnections: number;
  connectionsPerAddress: number;
  logLevel: string;
  debug?: boolean;
}

const LOOPBACK = /^(localhost|127\.\d+\.\d+\.\d+|::1)$/;
/** Default limit of requests per minute and address, if other machines can reach the server. */
const RATE_LIMIT = 600;

/** `emotion2vec serve`. Resolves with the exit status when the server has shut down: 0 after SIGTERM or SIGINT. */
export async function runServe(flags: ServeFlags): Promise<number> {
  // Loaded here, so that other commands do not wait for packages that only the server needs.
  const [{ createServer }, { openLog }] = await Promise.all([
    import('../server/server.js'),
    import('../server/log.js'),
  ]);
  const { model, maxQueue, idleUnload, token, trustProxy = false } = flags;
  const local = LOOPBACK.test(flags.host);
  const recognizer = new EmotionRecognizer({
    model,
    ...placementOptions(flags),
    maxQueue,
    idleUnloadMs: idleUnload,
  });
  await makeFolder(flags.output); // before the log is opened, whose error would have no remedy
  const log = openLog(flags.output, flags.logLevel);
  let server: EmotionServer | undefined;
  try {
    server = await createServer({
      recognizer,
      model,
      logger: log.logger,
      output: flags.output,
      keep: flags.keep !== false && { seconds: orNull(flags.keep), bytes: orNull(flags.keepBytes) },
      maxUploadBytes: flags.maxUpload,
      maxDuration: flags.maxDuration,
      timeoutMs: flags.timeout,
      trustProxy,
      connections: { all: flags.maxConnections, perAddress: flags.connectionsPerAddress },
      security: {
        token,
        rateLimit: flags.rateLimit ?? (local && trustProxy === false ? 0 : RATE_LIMIT),
        corsOrigins: flags.corsOrigin,
        localOnly: local && trustProxy === false,
      },
    });
    await prepare(); // last, because it may take minutes
    if (flags.warmUp) server.setReady(false);
    await listen(server, flags);
    welcome(server, flags, token !== undefined, local);
    const ended = shutDownOnSignal(server);
    if (flags.warmUp) await Promise.race([ended, warmUp(server)]);
    await ended;
    return 0;
  } finally {
    await server?.app.close();
    await recognizer.close();
    await log.close();
  }
}

function orNull(limit: number): number | null {
  return Number.isFinite(limit) ? limit : null;
}

async function listen({ app }: EmotionServer, { host, port }: ServeFlags): Promise<void> {
  try {
    await app.listen({ host, port });
  } catch (cause) {
    const where = `${shown(host)} port ${port}`;
    if (hasSystemCode(cause, 'EADDRINUSE')) {
      throw new EmotionError('ERR_LISTEN', `Another program already listens on ${where}`, { cause });
    }
    throw new EmotionError('ERR_LISTEN', `The server cannot listen on ${where}: ${shown(messageOf(cause))}`, {
      cause,
    });
  }
}

/** Prints the addresses on stderr, for people. The log on stdout is for programs. */
function welcome({ app }: EmotionServer, { host, output }: ServeFlags, hasToken: boolean, local: boolean): void {
  const address = app.server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const name = isIP(host) === 6 ? `[${host}]` : host;
  const url = `http://${name === '0.0.0.0' || name === '[::]' ? 'localhost' : name}:${port}`;
  const lines = [
    `emotion2vec listens on ${url}`,
    `  page         ${url}/`,
    `  API          ${url}/docs`,
    `  metrics      ${url}/metrics`,
    `  results, log ${output}/`,
    ...(local || hasToken ? [] : ['  no token is set: everyone who reaches this address may use the server (--token)']),
  ];
  process.stderr.write(`${lines.join('\n')}\n`);
}

/** Loads the model and runs it once. Rejects if it cannot run, because clients would otherwise wait for readiness forever. */
async function warmUp(server: EmotionServer): Promise<void> {
  try {
    await server.recognizer.warmUp();
    server.setReady(true);
  } catch (error) {
    server.app.log.error({ err: error }, 'The model could not be warmed up');
    throw error;
  }
}

/**
 * Resolves when a signal has shut down the server and the requests under way are answered. A second signal ends the process at
 * once.
 */
function shutDownOnSignal(server: EmotionServer): Promise<void> {
  return new Promise((resolve, reject) => {
    let closing = false;
    const end = (signal: NodeJS.Signals): void => {
      if (closing) process.exit(1);
      closing = true;
      server.setReady(false);
      server.app.log.info({ signal }, 'shutting down once the requests under way have finished');
      // The recognizer stays open until the requests under way are answered.
      server.app.close().then(resolve, reject);
    };
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, end);
  });
}
