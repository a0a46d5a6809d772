import { isIP } from 'node:net';

import { EmotionError, messageOf } from '../shared/errors.js';
import { makeFolder } from '../output/folder.js';
import { EmotionRecognizer } from '../recognition/recognizer.js';
import type { EmotionServer } from '../server/server.js';
import { type PlacementFlags, placementOptions } from './placement.js';
import { shown } from '../shared/text.js';
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
  /** Seconds; Infinity: for ever. False from --no-keep. */
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
/** Requests a minute of one address, where others than this machine's user can come. */
const RATE_LIMIT = 600;

/** `emotion2vec serve`. Returns the exit status when the server has ended: 0 after SIGTERM or SIGINT. */
export async function runServe(flags: ServeFlags): Promise<number> {
  // A first visit must not wait for packages that only this command needs.
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
  await makeFolder(flags.output); // the log would complain in other words
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
    await prepare(); // takes minutes at worst: only when all else is known to be right
    if (flags.warmUp) server.setReady(false);
    await listen(server, flags);
    welcome(server, flags, token !== undefined, local);
    const ended = ending(server);
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
    const { code } = cause as NodeJS.ErrnoException;
    const where = `${shown(host)} port ${port}`;
    if (code === 'EADDRINUSE') {
      throw new EmotionError('ERR_LISTEN', `Something else listens on ${where} already`, { cause });
    }
    throw new EmotionError('ERR_LISTEN', `The server cannot listen on ${where}: ${shown(messageOf(cause))}`, {
      cause,
    });
  }
}

/** For a person; the log on stdout is for programs. */
function welcome({ app }: EmotionServer, { host, output }: ServeFlags, asksForToken: boolean, local: boolean): void {
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
    ...(local || asksForToken ? [] : ['  anybody who reaches this address may use it: --token asks for a secret']),
  ];
  process.stderr.write(`${lines.join('\n')}\n`);
}

/** Rejects where the model cannot run: whoever waits for the server to be ready would wait for ever. */
async function warmUp(server: EmotionServer): Promise<void> {
  try {
    await server.recognizer.warmUp();
    server.setReady(true);
  } catch (error) {
    server.app.log.error({ err: error }, 'The model could not be warmed up');
    throw error;
  }
}

/** Until the server is told to end, and has finished what was under way. A second signal ends it at once. */
function ending(server: EmotionServer): Promise<void> {
  return new Promise((resolve, reject) => {
    let told = false;
    const end = (signal: NodeJS.Signals): void => {
      if (told) process.exit(1);
      told = true;
      server.setReady(false);
      server.app.log.info({ signal }, 'ending when what is under way is done');
      // Requests under way are answered; the recognizer must hear them until then.
      server.app.close().then(resolve, reject);
    };
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, end);
  });
}
