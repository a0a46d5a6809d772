/** Real sockets of clients that disconnect, are slow or send too much; and the shutdown of the process. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { type IncomingMessage, request } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { errorResult } from '../../lib/server/schemas/results.js';
import { cli, fixture, root } from '../support/paths.js';
import { runCli } from '../support/run.js';
import { eventsOf, form, type TestServer, testServer } from '../support/server.js';

const speech = readFileSync(fixture('speech.wav'));

async function until(what: () => boolean | Promise<boolean>): Promise<void> {
  for (const end = Date.now() + 10_000; !(await what()); await new Promise((resolve) => setTimeout(resolve, 10))) {
    assert.ok(Date.now() < end, `it never came to ${what.toString()}`);
  }
}

describe('a client', () => {
  let server: TestServer;
  let port: number;
  before(async () => {
    server = await testServer({ maxUploadBytes: 2 ** 20 });
    await server.app.listen({ port: 0 });
    port = (server.app.server.address() as AddressInfo).port;
    await server.recognizer.warmUp();
  });
  after(() => server[Symbol.asyncDispose]());
  const uploads = () => {
    const folder = readdirSync(server.output).find((name) => name.startsWith('uploads-'));
    return folder === undefined ? [] : readdirSync(path.join(server.output, folder));
  };
  /** Bytes of uploads in memory. */
  const held = async () =>
    Number(/^emotion2vec_upload_bytes (\d+)$/m.exec((await server.app.inject('/metrics')).body)![1]);
  const open = async (head: string): Promise<Socket> => {
    const socket = connect(port, '127.0.0.1');
    await once(socket, 'connect');
    socket.write(`${head}\r\nHost: localhost\r\n`);
    return socket;
  };

  it('that disconnects during its upload leaves no file', async () => {
    for (const [length, sent, where] of [
      [97_792, 50_000, 'in memory'],
      [900_000, 600_000, 'on the disk'],
    ] as const) {
      const socket = await open('POST /api/recognize HTTP/1.1');
      socket.write(`Content-Type: audio/wav\r\nContent-Length: ${length}\r\n\r\n`);
      socket.write(Buffer.alloc(sent));
      await until(async () => (where === 'in memory' ? (await held()) === sent : uploads().length === 1));
      socket.destroy();
      await until(async () => (await held()) === 0 && uploads().length === 0);
    }
    assert.equal(server.recognizer.status().requests.queued, 0);
  });

  it('that disconnects while it waits cancels its request', async () => {
    const { cancelled } = server.recognizer.status().requests;
    const long = { samples: new Float32Array(16000 * 300), sampleRate: 16000 }; // keeps the model busy
    const hogs = [1, 2, 3, 4].map(() => server.recognizer.recognize(long, { window: 'off' }));
    await until(() => server.recognizer.status().requests.running > 0);
    const socket = await open('POST /api/recognize HTTP/1.1');
    socket.write(`Content-Type: audio/wav\r\nContent-Length: ${speech.length}\r\n\r\n`);
    socket.write(speech);
    await until(() => server.recognizer.status().requests.queued + server.recognizer.status().requests.running === 5);
    socket.destroy();
    await until(() => server.recognizer.status().requests.cancelled === cancelled + 1);
    await until(() => uploads().length === 0);
    await Promise.all(hogs);
  });

  it('that disconnects during a batch ends the batch', async () => {
    const { cancelled, done } = server.recognizer.status().requests;
    const { payload, headers } = form(...Array.from({ length: 200 }, () => ({ filename: 'a.wav', content: speech })));
    const call = request({
      port,
      method: 'POST',
      path: '/api/batch',
      headers: { ...headers, accept: 'text/event-stream' },
    });
    call.on('error', () => {});
    call.end(payload);
    const [answer] = (await once(call, 'response')) as [IncomingMessage];
    let received = '';
    for await (const chunk of answer) {
      received += String(chunk);
      if (eventsOf(received).some(({ event }) => event === 'result')) break; // leaving the loop closes the connection
    }
    await until(() => server.recognizer.status().requests.running + server.recognizer.status().requests.queued === 0);
    await until(() => uploads().length === 0);
    assert.ok(server.recognizer.status().requests.done - done < 200);
    assert.ok(server.recognizer.status().requests.cancelled > cancelled);
  });

  it('that is slow is waited for, and does not delay others', async () => {
    const socket = await open('POST /api/recognize HTTP/1.1');
    socket.write(`Content-Type: audio/wav\r\nContent-Length: ${speech.length}\r\nConnection: close\r\n\r\n`);
    for (let at = 0; at < speech.length; at += 20_000) {
      socket.write(speech.subarray(at, at + 20_000));
      const other = await fetch(`http://127.0.0.1:${port}/api/recognize`, {
        method: 'POST',
        headers: { 'content-type': 'audio/wav' },
        body: speech,
      });
      assert.equal(other.status, 200);
    }
    let text = '';
    for await (const chunk of socket) text += String(chunk);
    assert.match(text, /^HTTP\/1\.1 200 OK/);
  });

  it('that sends far too much receives the error', async () => {
    const piece = Buffer.alloc(2 ** 20);
    for (const chunked of [false, true]) {
      const socket = await open('POST /api/recognize HTTP/1.1');
      const length = chunked ? 'Transfer-Encoding: chunked' : `Content-Length: ${50 * piece.length}`;
      socket.write(`Content-Type: audio/wav\r\nConnection: close\r\n${length}\r\n\r\n`);
      for (let i = 0; i < 50; i++) {
        if (chunked) socket.write(`${piece.length.toString(16)}\r\n`);
        if (!socket.write(piece)) await once(socket, 'drain');
        if (chunked) socket.write('\r\n');
      }
      if (chunked) socket.write('0\r\n\r\n');
      let text = '';
      for await (const chunk of socket) text += String(chunk);
      assert.match(text, /^HTTP\/1\.1 413 .*"ERR_UPLOAD_TOO_LARGE"/s);
      assert.deepEqual(uploads(), []);
    }
  });

  it('that disconnects is not logged as an error', () => {
    const { logged } = server;
    const gone = logged.filter(({ code }) => code === 'ERR_CLIENT_GONE');
    assert.ok(gone.length >= 4 && gone.every(({ level }) => level === 30), JSON.stringify(gone));
    assert.deepEqual(
      logged.filter(({ level }) => (level as number) >= 50),
      [],
    );
  });

  it('whose form stalls the parser receives an error', async () => {
    const parts = Buffer.concat([
      Buffer.from('--x\r\nContent-Type: audio/wav\r\n\r\n'),
      speech,
      Buffer.from('\r\n--x--\r\n'),
    ]);
    const socket = await open('POST /api/recognize HTTP/1.1');
    socket.write(
      `Content-Type: multipart/form-data; boundary=x\r\nConnection: close\r\nContent-Length: ${parts.length}\r\n\r\n`,
    );
    socket.write(parts);
    let text = '';
    for await (const chunk of socket) text += String(chunk);
    assert.match(text, /^HTTP\/1\.1 400 .*"ERR_BAD_REQUEST".*(no file|not form data)/s);
  });

  it('that sends no HTTP, or headers that are too long, receives an error of the server', async () => {
    for (const [said, status] of [
      ['hello?\r\n\r\n', 400],
      [`GET / HTTP/1.1\r\nhost: localhost\r\nx: ${'y'.repeat(20_000)}\r\n\r\n`, 431],
    ] as const) {
      const socket = connect(port, '127.0.0.1');
      socket.end(said);
      let text = '';
      for await (const chunk of socket) text += String(chunk);
      assert.match(text, new RegExp(`^HTTP/1\\.1 ${status} `));
      assert.equal(errorResult.strict().parse(JSON.parse(text.split('\r\n\r\n')[1]!)).error.code, 'ERR_BAD_REQUEST');
    }
    assert.equal((await fetch(`http://127.0.0.1:${port}/v2/health/live`)).status, 200);
  });
});

describe('emotion2vec serve', () => {
  let output: string;
  beforeEach(() => (output = mkdtempSync(path.join(tmpdir(), 'emotion2vec-serve-'))));
  const started: ChildProcess[] = [];
  afterEach(() => {
    for (const child of started.splice(0)) child.kill('SIGKILL'); // of a test that failed: mocha would wait for it for ever
    rmSync(output, { recursive: true, force: true });
  });

  /** Starts the server and waits until it listens. */
  async function serve(...args: string[]) {
    const child = spawn(process.execPath, [cli, 'serve', '--port', '0', '--output', output, ...args], { cwd: root });
    started.push(child);
    const text = { stdout: '', stderr: '' };
    child.stdout.on('data', (chunk) => (text.stdout += String(chunk)));
    child.stderr.on('data', (chunk) => (text.stderr += String(chunk)));
    const ended = once(child, 'exit') as Promise<[number | null, NodeJS.Signals | null]>;
    await until(() => /listens on/.test(text.stderr) || child.exitCode !== null);
    const url = /listens on (\S+)/.exec(text.stderr)?.[1] ?? '';
    return { child, url, text, ended };
  }

  it('answers the requests under way after SIGTERM, and exits with 0', async () => {
    const { child, url, text, ended } = await serve();
    const hour = Buffer.concat([speech.subarray(0, 44), Buffer.alloc(2 * 16000 * 900)]);
    hour.writeUInt32LE(hour.length - 44, 40);
    const post = fetch(`${url}/api/recognize`, {
      method: 'POST',
      headers: { 'content-type': 'audio/wav' },
      body: hour,
    });
    await new Promise<void>((resolve, reject) => {
      const poll = async (): Promise<void> => {
        const { requests } = (await (await fetch(`${url}/api/status`)).json()) as { requests: { running: number } };
        if (requests.running > 0) resolve();
        else setTimeout(() => void poll().catch(reject), 10);
      };
      void poll().catch(reject);
    });
    child.kill('SIGTERM');
    const answer = await post;
    assert.equal(answer.status, 200);
    await answer.text();
    assert.deepEqual(await ended, [0, null], text.stderr);
    assert.deepEqual(
      readdirSync(output).filter((name) => name.startsWith('uploads-')),
      [],
    );
  });

  it('logs JSON lines to stdout and latest.log, and prints its address', async () => {
    const { child, url, text, ended } = await serve('--warm-up');
    await fetch(`${url}/v2`);
    child.kill('SIGINT');
    assert.deepEqual(await ended, [0, null]);
    const log = readFileSync(path.join(output, 'latest.log'), 'utf8');
    assert.equal(log, text.stdout);
    const lines = log
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    assert.ok(lines.some(({ msg, url: path, status }) => msg === 'request' && path === '/v2' && status === 200));
    assert.ok(text.stderr.split('\n').every((line) => line.length <= 80));
    assert.match(text.stderr, /page +http:\/\/127\.0\.0\.1:\d+\//);
  });

  it('is ready after the warm-up', async () => {
    const { child, url, ended } = await serve('--warm-up');
    let ready = 0;
    await new Promise<void>((resolve, reject) => {
      const poll = async (): Promise<void> => {
        ready = (await fetch(`${url}/v2/health/ready`)).status;
        if (ready === 200) resolve();
        else setTimeout(() => void poll().catch(reject), 20);
      };
      void poll().catch(reject);
    });
    const { model } = (await (await fetch(`${url}/api/status`)).json()) as { model: { state: string } };
    assert.equal(model.state, 'loaded');
    child.kill('SIGTERM');
    assert.deepEqual(await ended, [0, null]);
  });

  it('reports why it cannot start', async () => {
    const { child, url, ended } = await serve();
    const { port } = new URL(url);
    const cases: [string[], number, RegExp][] = [
      [['--port', port], 1, /^emotion2vec: ERR_LISTEN: /m],
      [['--host', '203.0.113.1'], 1, /^emotion2vec: ERR_LISTEN: /m],
      [['--port', '70000'], 2, /--port/],
      [['--keep', 'long'], 2, /--keep/],
      [['--max-upload', 'much'], 2, /--max-upload/],
      [['--model', 'nothing'], 1, /ERR_MODEL_NOT_FOUND/],
      [['--model', fixture('models/linears-one.pt')], 1, /ERR_MODEL_LOAD: /],
      [['--output', '/dev/null/x'], 1, /ERR_FILE_WRITE: /],
    ];
    for (const [args, status, message] of cases) {
      const ran = await runCli(['serve', '--output', output, '--port', '0', ...args]);
      assert.equal(ran.status, status, `${args.join(' ')}: ${ran.stderr}`);
      assert.match(ran.stderr, message);
      assert.ok(!ran.stderr.includes('    at '), 'no stack');
    }
    child.kill('SIGTERM');
    await ended;
  });
});
