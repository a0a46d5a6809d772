/** Real sockets of clients that try to exhaust the server. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdirSync, truncateSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import path from 'node:path';

import { keep } from '../support/kept-result.js';
import { type TestServer, testServer } from '../support/server.js';

const TOKEN = 'open sesame';
const portOf = ({ app }: TestServer) => (app.server.address() as AddressInfo).port;

/** A server with a grace period of half a second instead of five. */
async function listening(options: NonNullable<Parameters<typeof testServer>[0]>): Promise<TestServer> {
  const server = await testServer({ ...options, connections: { graceMs: 500, ...options.connections } });
  await server.app.listen({ port: 0, host: '127.0.0.1' });
  return server;
}

interface Held {
  socket: Socket;
  text: string;
  closed: Promise<void>;
  isClosed: boolean;
}

/** Opens a connection, which sends `text` and then reads. One that `drips` stays open when the server ends its side. */
async function open(port: number, text: string, drips = false): Promise<Held> {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: drips });
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  const held: Held = { socket, text: '', closed, isClosed: false };
  void closed.then(() => (held.isClosed = true));
  socket.on('error', () => {});
  socket.on('data', (chunk) => (held.text += String(chunk)));
  await once(socket, 'connect').catch(() => {});
  if (text !== '') socket.write(text);
  return held;
}

const openMany = (port: number, count: number, text: string, drips = false) =>
  Promise.all(Array.from({ length: count }, () => open(port, text, drips)));

/** Sends a byte now and then, to keep the connection open. */
function drip(held: readonly Held[], text = 'x'): () => void {
  const timer = setInterval(() => held.forEach(({ socket }) => socket.writable && socket.write(text)), 100);
  return () => clearInterval(timer);
}

async function until(what: () => boolean | Promise<boolean>, ms = 20_000): Promise<void> {
  for (const end = Date.now() + ms; !(await what()); await new Promise((resolve) => setTimeout(resolve, 20))) {
    assert.ok(Date.now() < end, `it never came to ${what.toString()}`);
  }
}

const connectionsOf = async ({ app }: TestServer, name = 'connections') => {
  const { body } = await app.inject({ url: '/metrics', headers: { authorization: `Bearer ${TOKEN}` } });
  return Number(new RegExp(`^emotion2vec_${name} (\\d+)$`, 'm').exec(body)![1]);
};

const SLOW_BODY =
  'POST /api/recognize HTTP/1.1\r\nHost: localhost\r\nContent-Type: audio/wav\r\nContent-Length: 1000000\r\n\r\n';

describe('connections', function () {
  this.timeout(30_000);

  it('with slow bodies and without a token are answered and closed, and others are accepted meanwhile', async () => {
    await using server = await listening({ security: { token: TOKEN } });
    const port = portOf(server);
    const chunked = SLOW_BODY.replace('Content-Length: 1000000', 'Transfer-Encoding: chunked');
    const held = [
      ...(await openMany(port, 60, SLOW_BODY, true)),
      ...(await openMany(port, 30, chunked, true)),
      ...(await openMany(port, 30, SLOW_BODY.replace('POST /api/recognize', 'GET /v2/health/live'), true)),
    ];
    const stops = [drip([...held.slice(0, 60), ...held.slice(90)]), drip(held.slice(60, 90), '1\r\nx\r\n')];
    const began = Date.now();
    const status = await fetch(`http://127.0.0.1:${port}/api/status`, {
      headers: { authorization: `Bearer ${TOKEN}` },
    });
    assert.equal(status.status, 200);
    await status.text();
    await Promise.all(held.map(({ closed }) => closed));
    stops.forEach((stop) => stop());
    assert.ok(Date.now() - began < 15_000);
    for (const { text } of held.slice(0, 90)) assert.match(text, /^HTTP\/1\.1 401 .*connection: close/is);
    for (const { text } of held.slice(90)) assert.match(text, /^HTTP\/1\.1 200 /);
  });

  it('of clients that read only after they have sent the body are not reset before they have read the 401', async () => {
    await using server = await listening({ security: { token: TOKEN } });
    const size = 20 * 2 ** 20;
    const { socket, closed, ...held } = await open(portOf(server), SLOW_BODY.replace('1000000', String(size)));
    socket.pause();
    const piece = Buffer.alloc(2 ** 16);
    for (let at = 0; at < size; at += piece.length) if (!socket.write(piece)) await once(socket, 'drain');
    let text = held.text;
    socket.on('data', (chunk) => (text += String(chunk)));
    socket.resume();
    await closed;
    assert.match(text, /^HTTP\/1\.1 401 /);
  });

  it('that wait for 100 Continue receive it only if the body is read', async () => {
    await using server = await listening({ security: { token: TOKEN } });
    const expecting = SLOW_BODY.replace('\r\n\r\n', '\r\nExpect: 100-continue\r\n\r\n');
    const [refused, accepted] = [
      await open(portOf(server), expecting),
      await open(portOf(server), expecting.replace('Host:', `Authorization: Bearer ${TOKEN}\r\nHost:`)),
    ];
    await until(() => refused.text !== '' && accepted.text !== '');
    assert.match(refused.text, /^HTTP\/1\.1 401 /);
    assert.match(accepted.text, /^HTTP\/1\.1 100 Continue\r\n\r\n$/);
    accepted.socket.destroy();
  });

  it('with unfinished heads or logins are closed', async () => {
    await using server = await listening({ security: { token: TOKEN } });
    const login =
      'POST /login HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 4000\r\n\r\ntoken=';
    const held = [
      ...(await openMany(portOf(server), 10, 'GET / HTTP/1.1\r\nHost: localhost\r\nx: ', true)),
      ...(await openMany(portOf(server), 10, '')),
      ...(await openMany(portOf(server), 10, login, true)),
      ...(await openMany(portOf(server), 5, 'hello?\r\n\r\n')),
    ];
    const stop = drip([...held.slice(0, 10), ...held.slice(20)]);
    const began = Date.now();
    await Promise.all(held.map(({ closed }) => closed));
    stop();
    assert.ok(Date.now() - began < 40_000);
    for (const { text } of held.slice(30)) assert.match(text, /^HTTP\/1\.1 400 /);
  });

  it('of one address are limited; further ones are answered with 429, and other addresses are not affected', async () => {
    await using server = await listening({ connections: { perAddress: 20 } });
    const port = portOf(server);
    const idle = await openMany(port, 20, '');
    const more = await openMany(port, 3, 'GET /api/status HTTP/1.1\r\nHost: localhost\r\n\r\n');
    await Promise.all(more.map(({ closed }) => closed));
    for (const { text } of more) assert.match(text, /^HTTP\/1\.1 429 .*connection: close.*"ERR_RATE_LIMITED"/is);
    const flood = await openMany(port, 200, '');
    await until(() => flood.filter(({ isClosed }) => isClosed).length >= 200 - 64);
    const other = connect({ port, host: '127.0.0.1', localAddress: '127.0.0.2' });
    other.write('GET /v2/health/live HTTP/1.0\r\nHost: localhost\r\n\r\n');
    const [answer] = (await once(other, 'data')) as [Buffer];
    assert.match(String(answer), /^HTTP\/1\.1 200 /);
    await Promise.all(flood.map(({ closed }) => closed)); // silent connections are closed soon, too
    assert.ok((await connectionsOf(server, 'connections_dropped_total')) >= 200);
    for (const { socket } of idle) socket.destroy();
    await until(async () => (await connectionsOf(server)) <= 1);
    assert.equal((await fetch(`http://127.0.0.1:${port}/v2/health/live`)).status, 200);
  });

  it('that present the token at once do not count as anonymous', async () => {
    await using server = await listening({ security: { token: TOKEN } });
    const agent = new Agent({ keepAlive: true });
    const statuses = await Promise.all(
      Array.from({ length: 200 }, async () => {
        const call = request({
          port: portOf(server),
          path: '/v2',
          agent,
          headers: { authorization: `Bearer ${TOKEN}` },
        });
        call.end();
        const [answer] = (await once(call, 'response')) as [{ statusCode: number; resume(): void }];
        answer.resume();
        return answer.statusCode;
      }),
    );
    assert.deepEqual(new Set(statuses), new Set([200]));
    assert.equal(await connectionsOf(server), 200);
    await new Promise((resolve) => setTimeout(resolve, 1000));
    assert.equal(await connectionsOf(server), 200, 'they stay open');
    agent.destroy();
  });

  it('without a request do not keep a closing server open', async () => {
    const server = await listening({ connections: { graceMs: 60_000 } });
    const held = [
      ...(await openMany(portOf(server), 5, '')),
      ...(await openMany(portOf(server), 5, 'GET / HTTP/1.1\r\nHost:')),
    ];
    await server[Symbol.asyncDispose]();
    await Promise.all(held.map(({ closed }) => closed));
  });

  it('are limited in total; an anonymous one is closed for a new one', async () => {
    await using server = await listening({ security: { token: TOKEN }, connections: { all: 10 } });
    const idle = await openMany(portOf(server), 10, '');
    const next = await open(
      portOf(server),
      `GET /v2 HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${TOKEN}\r\n\r\n`,
    );
    await until(() => next.text !== '');
    assert.match(next.text, /^HTTP\/1\.1 200 /);
    assert.ok((await connectionsOf(server)) <= 10);
    for (const { socket } of [...idle, next]) socket.destroy();
  });

  it('of a trusted proxy are not limited by address', async () => {
    await using server = await listening({ trustProxy: ['127.0.0.1'], connections: { perAddress: 5 } });
    const held = await openMany(portOf(server), 50, 'GET /v2/health/live HTTP/1.1\r\nHost: localhost\r\n\r\n');
    await until(() => held.every(({ text }) => /^HTTP\/1\.1 200 /.test(text)));
    assert.ok(held.every(({ isClosed }) => !isClosed));
    for (const { socket } of held) socket.destroy();
  });

  it('with garbage during an answer receive no second answer within it', async () => {
    await using server = await listening({});
    const { id } = keep(server.output, { file: 'a.wav', duration: 1, count: 1 });
    const audio = path.join(server.output, id, 'processed_audio.wav');
    truncateSync(audio, 30 * 2 ** 20);
    mkdirSync(path.join(server.output, 'x'), { recursive: true });
    const held = await open(
      portOf(server),
      `GET /api/results/${id}/processed_audio.wav HTTP/1.1\r\nHost: localhost\r\n\r\n`,
    );
    held.socket.pause();
    await new Promise((resolve) => setTimeout(resolve, 300));
    held.socket.write('\0garbage\r\n\r\n');
    await new Promise((resolve) => setTimeout(resolve, 300));
    held.socket.resume();
    await held.closed;
    assert.match(held.text, /^HTTP\/1\.1 200 /);
    assert.ok(!held.text.slice(20).includes('HTTP/1.1 400'));
  });
});
