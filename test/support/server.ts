import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { FastifyInstance } from 'fastify';
import pino from 'pino';

import { EmotionRecognizer, type RecognizerOptions } from '../../lib/index.js';
import type { SecuritySettings } from '../../lib/server/security.js';
import { createServer, type EmotionServer, type ServerOptions } from '../../lib/server/server.js';

export interface TestServer extends EmotionServer, AsyncDisposable {
  app: FastifyInstance;
  /** Folder of results and uploads. */
  output: string;
  /** The entries of the log. */
  logged: Record<string, unknown>[];
}

type Options = Partial<Omit<ServerOptions, 'security' | 'recognizer'>> & {
  security?: Partial<SecuritySettings>;
  recognizer?: RecognizerOptions;
};

/** Creates a server as `emotion2vec serve` does, with a temporary folder that is deleted with it. */
export async function testServer({
  security,
  recognizer: recognizerOptions,
  ...options
}: Options = {}): Promise<TestServer> {
  const output = options.output ?? mkdtempSync(path.join(tmpdir(), 'emotion2vec-server-'));
  const logged: Record<string, unknown>[] = [];
  const write = (line: string) => logged.push(JSON.parse(line) as Record<string, unknown>);
  const recognizer = new EmotionRecognizer(recognizerOptions);
  const server = await createServer({
    recognizer,
    logger: pino({ level: 'debug' }, { write }),
    security: { token: undefined, rateLimit: 0, corsOrigins: [], localOnly: true, ...security },
    trustProxy: false,
    ...options,
    output,
  });
  return {
    ...server,
    output,
    logged,
    [Symbol.asyncDispose]: async () => {
      await server.app.close();
      await recognizer.close();
      rmSync(output, { recursive: true, force: true });
    },
  };
}

export interface Part {
  name?: string;
  /** Name of the file. */
  filename?: string;
  /** Default: audio/wav if there is a file name. */
  type?: string;
  content: Buffer | string;
}

const BOUNDARY = 'c0ffee-c0ffee-c0ffee';

/** Makes a multipart body and its header. */
export function form(...parts: Part[]): { payload: Buffer; headers: { 'content-type': string } } {
  const pieces = parts.flatMap(
    ({ name = 'file', filename, type = filename === undefined ? undefined : 'audio/wav', content }) => [
      `--${BOUNDARY}\r\nContent-Disposition: form-data; name="${name}"`,
      filename === undefined ? '' : `; filename="${filename}"`,
      type === undefined ? '\r\n\r\n' : `\r\nContent-Type: ${type}\r\n\r\n`,
      content,
      '\r\n',
    ],
  );
  const payload = Buffer.concat([...pieces, `--${BOUNDARY}--\r\n`].map((piece) => Buffer.from(piece as string)));
  return { payload, headers: { 'content-type': `multipart/form-data; boundary=${BOUNDARY}` } };
}

/** Parses the events of a text/event-stream. */
export function eventsOf(text: string): { event: string; data: Record<string, unknown> }[] {
  return text
    .split('\n\n')
    .filter((block) => block.startsWith('event: '))
    .map((block) => {
      const [, event, data] = /^event: (.*)\ndata: (.*)$/.exec(block)!;
      return { event: event!, data: JSON.parse(data!) as Record<string, unknown> };
    });
}
