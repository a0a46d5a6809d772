import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { METHODS } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { FastifyInstance, InjectOptions } from 'fastify';
import pino from 'pino';

import { wavHeader } from '../../lib/audio/write/wav-header.js';
import type { EmotionRecognizer } from '../../lib/recognition/recognizer.js';
import type { RecognitionResult } from '../../lib/recognition/result.js';
import { createServer } from '../../lib/server/server.js';

/** A result that is there, and the model's name. */
const ID = '20260101T000000000Z-000000000000';
const MODEL = 'small-en-de';
const TOKEN = 'open sesame';
/** Where bytes are what a socket gets, rather than requests in a notation of our own. */
const RAW = 'RAW ';
const BETWEEN = '\n%%\n';
/** An answer has come when nothing has for so long; a request that does not end has none. */
const IDLE_MS = 4;
const MOST_MS = 60;
/** Requests that were tried, for whoever counts. */
export const counts = { requests: 0 };

const RESULT = {
  emotion: 'happy',
  confidence: 0.6,
  scores: { happy: 0.6, sad: 0.4 },
  granularity: 'utterance',
  duration: 1,
  model: { name: MODEL, precision: 'fp32', device: 'cpu' },
  timing: { decodeMs: 1, queueMs: 1, inferenceMs: 1 },
} as const;

/** In place of a recognizer: no model runs, everything else does. */
const recognizer = {
  recognize: (): Promise<RecognitionResult> =>
    Promise.resolve({
      ...RESULT,
      logits: new Float32Array(9),
      embedding: new Float32Array(4),
      embeddingShape: [4],
      processedAudio: { samples: new Float32Array(16), sampleRate: 16_000 },
    } as unknown as RecognitionResult),
  status: () => ({
    model: { state: 'loaded', precision: 'fp32', device: 'cpu', threads: 1 },
    requests: { queued: 0, running: 0, done: 0, cancelled: 0 },
    memory: { rssBytes: 1, audioBytes: 0 },
  }),
} as unknown as EmotionRecognizer;

let started: Promise<{ app: FastifyInstance; port: number }> | undefined;

async function start(): Promise<{ app: FastifyInstance; port: number }> {
  const output = mkdtempSync(path.join(tmpdir(), 'emotion2vec-fuzz-http-'));
  process.on('exit', () => rmSync(output, { recursive: true, force: true }));
  const folder = path.join(output, ID);
  mkdirSync(folder);
  const createdAt = new Date(0).toISOString();
  writeFileSync(path.join(folder, 'result.json'), JSON.stringify({ id: ID, file: 'a.wav', createdAt, ...RESULT }));
  writeFileSync(path.join(folder, 'processed_audio.wav'), Buffer.concat([wavHeader(4, 16_000), Buffer.alloc(16)]));
  const clips = [{ file: 'a.wav', id: ID }];
  writeFileSync(path.join(output, `${ID}.batch.json`), JSON.stringify({ createdAt, clips }));
  const { app } = await createServer({
    recognizer,
    logger: pino({ level: 'silent' }),
    output,
    keep: { seconds: null, bytes: 2 ** 22 },
    maxUploadBytes: 2 ** 20,
    trustProxy: 1,
    security: { token: TOKEN, rateLimit: 0, corsOrigins: ['https://app.example'], localOnly: true },
  });
  await app.listen({ port: 0, host: '127.0.0.1' });
  app.server.unref(); // the fuzzer ends when it has nothing more to do
  return { app, port: (app.server.address() as AddressInfo).port };
}

/** `METHOD URL`, lines of headers, an empty line, the body; undefined for what is no request. */
function parse(text: string): InjectOptions | undefined {
  const end = text.indexOf('\n\n');
  const [first = '', ...lines] = text.slice(0, end < 0 ? undefined : end).split('\n');
  const [, method, url] = /^([A-Z]+) (\/[!-~]*)$/.exec(first) ?? [];
  if (method === undefined || url === undefined || !METHODS.includes(method)) return undefined;
  const headers: Record<string, string> = { authorization: `Bearer ${TOKEN}`, host: 'localhost' };
  for (const line of lines) {
    const [, name, value] = /^([\w-]+): ?([ -~\x80-\xff]*)$/.exec(line) ?? [];
    if (name !== undefined) headers[name.toLowerCase()] = value ?? '';
  }
  // Each input from an address of its own: guesses are limited, and others are to be tried.
  headers['x-forwarded-for'] ??= `10.${createHash('md5').update(text).digest().subarray(0, 3).join('.')}`;
  const payload = end < 0 ? undefined : Buffer.from(text.slice(end + 2), 'latin1');
  return { method: method as 'GET', url, headers, ...(payload !== undefined && { payload }) };
}

function check(status: number, request: string, answer: string): void {
  counts.requests++;
  if (status < 500 || status === 503 || status === 507) return;
  throw new Error(`${status} for ${JSON.stringify(request.slice(0, 300))}: ${answer.slice(0, 500)}`);
}

async function sendRaw(port: number, bytes: Buffer): Promise<void> {
  const socket = connect(port, '127.0.0.1');
  let text = '';
  socket.on('error', () => {}); // it may be closed in the middle of what we say
  await new Promise<void>((resolve) => {
    let idle = setTimeout(resolve, MOST_MS);
    socket.on('data', (piece: Buffer) => {
      text += piece.toString('latin1');
      clearTimeout(idle);
      idle = setTimeout(resolve, IDLE_MS);
    });
    socket.once('close', () => resolve());
    socket.write(bytes);
  });
  socket.destroy();
  for (const [, status] of text.matchAll(/(?:^|[\]}>\n])HTTP\/1\.1 (\d{3}) /g))
    check(Number(status), bytes.toString('latin1'), text);
}

export const target = {
  seeds: (): Buffer[] => seeds.map((seed) => Buffer.from(seed, 'latin1')),
  dictionary: [
    ...[BETWEEN, RAW, ID, MODEL, '\r\n\r\n', '/api/results/', '/api/batch/', '/v2/models/', '/infer', '/peaks?count='],
    ...['Transfer-Encoding: chunked', 'Content-Length: ', 'Expect: 100-continue', 'Range: bytes=', 'text/event-stream'],
    ...[
      'multipart/form-data; boundary=x',
      '--x--',
      'Content-Disposition: form-data; name="file"; filename="',
      '__proto__',
    ],
    ...['"binary_data_size":', '"shape":[', '%00', '%2e%2e%2f', '1e999', 'Upgrade: websocket', 'Connection: close'],
  ],
  instrument: ['@fastify/busboy', '@fastify/multipart'],
  maxBytes: 4096,
  async fuzz(data: Buffer): Promise<void> {
    const { app, port } = await (started ??= start());
    const text = data.toString('latin1');
    if (text.startsWith(RAW)) {
      await sendRaw(port, data.subarray(RAW.length));
    } else {
      for (const each of text.split(BETWEEN).slice(0, 8)) {
        const request = parse(each);
        if (request === undefined) continue;
        const answer = await app.inject(request).catch((error: unknown) => {
          if (/ERR_INVALID/.test((error as NodeJS.ErrnoException).code ?? '')) return undefined; // never sent
          throw error;
        });
        if (answer !== undefined) check(answer.statusCode, each, answer.body);
      }
    }
    if (!app.server.listening) throw new Error('the server has ended');
  },
};

const FORM =
  '--x\r\nContent-Disposition: form-data; name="embedding"\r\n\r\ntrue\r\n--x\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\nContent-Type: audio/wav\r\n\r\nRIFF\r\n--x--\r\n';
const INFER =
  '{"inputs":[{"name":"waveform","shape":[1,3],"datatype":"FP32","data":[0,0.5,1]}],"outputs":[{"name":"scores"}]}';
const BINARY =
  '{"inputs":[{"name":"waveform","shape":[2],"datatype":"FP32","parameters":{"binary_data_size":8}}]}\0\0\0\0\0\0\0\0';
const raw = (head: string, body = '') => `${RAW}${head.replaceAll('\n', '\r\n')}\r\n\r\n${body}`;
const AUTH = `Host: localhost\nAuthorization: Bearer ${TOKEN}`;

const seeds = [
  `GET /api/status${BETWEEN}GET /metrics${BETWEEN}GET /openapi.json`,
  `GET /api/results?limit=5&before=${ID}${BETWEEN}GET /api/results/${ID}${BETWEEN}GET /api/results/${ID}/peaks?count=10`,
  `GET /api/results/${ID}/processed_audio.wav\nrange: bytes=0-3,5-7${BETWEEN}HEAD /api/results/${ID}/embedding.npy`,
  `GET /api/batch/${ID}/zip${BETWEEN}GET /api/batch/${ID}/csv${BETWEEN}GET /api/batch/${ID}/ndjson`,
  `POST /api/recognize?granularity=frame&window=5\ncontent-type: audio/wav\n\nRIFF....WAVE`,
  `POST /api/recognize\ncontent-type: multipart/form-data; boundary=x\naccept: text/event-stream\n\n${FORM}`,
  `POST /api/batch\ncontent-type: multipart/form-data; boundary=x\n\n${FORM}`,
  `POST /api/batch?embedding=true\ncontent-type: multipart/form-data; boundary=x\naccept: text/event-stream\n\n${FORM}`,
  `POST /v2/models/${MODEL}/infer\ncontent-type: application/json\n\n${INFER}`,
  `POST /v2/models/${MODEL}/infer\ninference-header-content-length: ${BINARY.length - 8}\n\n${BINARY}`,
  `GET /v2/models/${MODEL}/versions/1${BETWEEN}GET /v2/models/${MODEL}/ready${BETWEEN}GET /v2/health/ready`,
  `POST /login\ncontent-type: application/x-www-form-urlencoded\n\ntoken=open+sesame${BETWEEN}POST /logout`,
  `GET /\naccept: text/html\nauthorization: x\naccept-language: zh${BETWEEN}GET /docs/${BETWEEN}GET /assets/..%2fx`,
  `DELETE /api/results/20260101T000000000Z-000000000001\norigin: https://app.example${BETWEEN}OPTIONS /api/batch\norigin: https://app.example\naccess-control-request-method: POST`,
  raw(`GET /v2 HTTP/1.1\n${AUTH}\n\nGET /api/status HTTP/1.1\n${AUTH}`),
  raw(`POST /v2/models/${MODEL}/infer HTTP/1.1\n${AUTH}\nContent-Length: ${INFER.length}`, INFER),
  raw(
    `POST /api/recognize HTTP/1.1\n${AUTH}\nContent-Type: audio/wav\nTransfer-Encoding: chunked`,
    '4;x=y\r\nRIFF\r\n0\r\nA: b\r\n\r\n',
  ),
  raw(
    `POST /api/batch HTTP/1.1\n${AUTH}\nContent-Type: multipart/form-data; boundary=x\nContent-Length: ${FORM.length}`,
    FORM,
  ),
  raw(`POST /login HTTP/1.0\nContent-Type: application/x-www-form-urlencoded\nContent-Length: 7`, 'token=x'),
  raw(
    'POST / HTTP/1.1\nHost: localhost\nContent-Length: 5\nTransfer-Encoding: chunked\nExpect: 100-continue',
    '0\r\n\r\n',
  ),
  raw('CONNECT localhost:1 HTTP/1.1\nHost: x'),
  raw('GET http://localhost/v2 HTTP/1.1\nHost: localhost\nConnection: upgrade\nUpgrade: websocket'),
];
