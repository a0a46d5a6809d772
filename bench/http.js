// Measures the HTTP server: the time until it listens, what HTTP adds to a call of the library, and a minute of 64 clients while
// other clients are slow, disconnect or send no audio. The server runs in a separate process, as users run it.
'use strict';
const { spawn } = require('node:child_process');
const { mkdtempSync, readFileSync, rmSync } = require('node:fs');
const http = require('node:http');
const net = require('node:net');
const { tmpdir } = require('node:os');
const path = require('node:path');
const { parseArgs } = require('node:util');
const autocannon = require('autocannon');
const { EmotionRecognizer } = require('..');

const USAGE = `npm run bench:http [-- --seconds 60] [--clients 64] [--model ARCHIVE] [--starts 7] [--calls 800]`;
const OPTIONS = {
  help: { type: 'boolean', default: false },
  seconds: { type: 'string', default: '60' },
  clients: { type: 'string', default: '64' },
  model: { type: 'string', default: 'small-en-de' },
  starts: { type: 'string', default: '7' },
  calls: { type: 'string', default: '800' },
};

const root = path.join(__dirname, '..');
const speech = readFileSync(path.join(root, 'test/fixtures/speech.wav')); // 98 kB, 3.1 s
const sorted = (values) => values.toSorted((a, b) => a - b);
const at = (values, share) => sorted(values)[Math.min(values.length - 1, Math.floor(values.length * share))];
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Starts a server. `ms`: milliseconds until it accepted a connection. */
async function start(model, ...args) {
  const output = mkdtempSync(path.join(tmpdir(), 'emotion2vec-bench-'));
  const port = await freePort();
  const begin = performance.now();
  const command = ['bin/emotion2vec.js', 'serve', '--port', String(port), '--model', model, '--output', output];
  const child = spawn(process.execPath, [...command, '--log-level', 'warn', ...args], { cwd: root, stdio: 'ignore' });
  while (!(await connects(port))) await sleep(2);
  const ms = performance.now() - begin;
  const stop = async () => {
    const ended = new Promise((resolve) => child.once('exit', (code) => resolve(code)));
    child.kill('SIGTERM');
    const code = await ended;
    rmSync(output, { recursive: true, force: true });
    return code;
  };
  return { port, ms, stop };
}

function freePort() {
  return new Promise((resolve) => {
    const probe = net.createServer().listen(0, '127.0.0.1', () => {
      const { port } = probe.address();
      probe.close(() => resolve(port));
    });
  });
}

function connects(port) {
  return new Promise((resolve) => {
    const socket = net.connect(port, '127.0.0.1', () => (socket.destroy(), resolve(true)));
    socket.on('error', () => resolve(false));
  });
}

/** Sends a request on a connection that is kept open. Returns its status and body. */
function request(port, options, body) {
  return new Promise((resolve, reject) => {
    const call = http.request({ port, host: '127.0.0.1', agent, ...options }, (answer) => {
      const parts = [];
      answer.on('data', (part) => parts.push(part));
      answer.on('end', () => resolve({ status: answer.statusCode, text: Buffer.concat(parts).toString() }));
      answer.on('error', reject);
    });
    call.on('error', reject);
    call.end(body);
  });
}
const agent = new http.Agent({ keepAlive: true });
const post = { method: 'POST', path: '/api/recognize', headers: { 'content-type': 'audio/wav' } };

async function startUp(model, starts) {
  const times = [];
  const pages = [];
  for (let i = 0; i < starts; i++) {
    const server = await start(model);
    times.push(server.ms);
    const begin = performance.now();
    await request(server.port, { path: '/' });
    pages.push(performance.now() - begin);
    await server.stop();
  }
  console.log(
    `listening ${at(times, 0.5).toFixed(0)} ms after start (${sorted(times)[0].toFixed(0)} to ${at(times, 1).toFixed(0)}); ` +
      `the page ${at(pages, 0.5).toFixed(0)} ms later`,
  );
}

/** Measures calls of the library and over HTTP, one at a time. */
async function overhead(model, calls, ...args) {
  const server = await start(model, '--warm-up', ...args);
  const recognizer = new EmotionRecognizer({ model });
  const library = [];
  const overHttp = [];
  const viaLibrary = () => recognizer.recognize(speech);
  const viaHttp = () => request(server.port, post, speech);
  // Groups of twenty calls alternate. The first five of a group are not counted, because they find the caches filled by the other
  // kind.
  for (let i = 0; i < calls + 20; i++) {
    const [times, call] = Math.floor(i / 20) % 2 === 0 ? [library, viaLibrary] : [overHttp, viaHttp];
    const begin = performance.now();
    await call();
    if (i >= 40 && i % 20 >= 5) times.push(performance.now() - begin);
  }
  const added = at(overHttp, 0.5) - at(library, 0.5);
  console.log(
    `98 kB WAV, one at a time${args.length > 0 ? `, ${args.join(' ')}` : ''}: library p50 ${at(library, 0.5).toFixed(2)} ms, ` +
      `HTTP p50 ${at(overHttp, 0.5).toFixed(2)} ms, p90 ${at(overHttp, 0.9).toFixed(2)} ms: adds ${added.toFixed(2)} ms`,
  );
  await recognizer.close();
  await server.stop();
}

/**
 * Measures the least that any server in Node adds: one that reads the same body and answers with as many bytes, at the same rate.
 */
async function floor(calls) {
  const script = `require('http').createServer((q, r) => q.on('end', () => r.end('x'.repeat(720))).resume()).listen(process.argv[1])`;
  const port = await freePort();
  const child = spawn(process.execPath, ['-e', script, String(port)], { stdio: 'ignore' });
  while (!(await connects(port))) await sleep(2);
  const times = [];
  for (let i = 0; i < calls; i++) {
    await sleep(25);
    const begin = performance.now();
    await request(port, post, speech);
    times.push(performance.now() - begin);
  }
  child.kill();
  console.log(`of which a bare Node server that does nothing takes ${at(times, 0.5).toFixed(2)} ms`);
}

/** Acts as misbehaving clients, one kind after the other, until `ended`. */
async function nuisance(port, ended) {
  const head = (length) =>
    `POST /api/recognize HTTP/1.1\r\nHost: localhost\r\nContent-Type: audio/wav\r\nContent-Length: ${length}\r\n\r\n`;
  const kinds = [
    async (socket) => {
      socket.write(head(speech.length)); // disconnects in the middle
      socket.write(speech.subarray(0, 40_000));
      await sleep(30);
    },
    async (socket) => {
      socket.write(head(speech.length)); // does not wait for the answer
      socket.write(speech);
      await sleep(5);
    },
    async (socket) => {
      socket.write(head(speech.length)); // a slow connection
      for (let i = 0; i < speech.length && !ended(); i += 5000) {
        socket.write(speech.subarray(i, i + 5000));
        await sleep(40);
      }
      await sleep(500);
    },
    async (socket) => {
      socket.write(head(5) + 'hello'); // no audio
      await sleep(30);
    },
    async (socket) => {
      socket.write('\x16\x03\x01\x02\x00\x01'); // TLS, which the server does not speak
      await sleep(30);
    },
  ];
  for (let i = 0; !ended(); i++) {
    const socket = net.connect(port, '127.0.0.1');
    socket.on('error', () => {});
    await kinds[i % kinds.length](socket).catch(() => {});
    socket.destroy();
  }
}

async function load(model, clients, seconds) {
  const server = await start(model, '--warm-up');
  let over = false;
  const nuisances = Array.from({ length: 5 }, () => nuisance(server.port, () => over));
  // Each request for metrics resets those of the event loop, so the second one covers the time since the first.
  const eventLoop = async () => {
    const { text } = await request(server.port, { path: '/metrics' });
    const of = (name) =>
      1000 * Number(new RegExp(`^nodejs_eventloop_lag_${name}_seconds (\\S+)$`, 'm').exec(text)?.[1]);
    return { p50: of('p50'), p99: of('p99'), max: of('max') };
  };
  await eventLoop();
  const rss = [];
  const sample = async () => {
    const { text } = await request(server.port, { path: '/api/status' });
    rss.push(JSON.parse(text).memory.rssBytes);
  };
  const timer = setInterval(() => void sample().catch(() => {}), 1000);
  const run = autocannon({
    url: `http://127.0.0.1:${server.port}/api/recognize`,
    connections: clients,
    duration: seconds,
    timeout: 60,
    ...post,
    body: speech,
  });
  const result = await run;
  over = true;
  clearInterval(timer);
  const lag = await eventLoop();
  await Promise.all(nuisances);
  const codes = Object.entries(result.statusCodeStats ?? {}).map(([code, { count }]) => `${code}: ${count}`);
  console.log(
    `${clients} clients for ${seconds} s, and 5 that are slow, broken or disconnect: ${(result.requests.total / seconds).toFixed(0)} clips/s, ` +
      `latency p50 ${result.latency.p50} ms, p99 ${result.latency.p99} ms`,
  );
  console.log(
    `answers ${codes.join(', ')}; errors ${result.errors}, timeouts ${result.timeouts}, mismatches ${result.mismatches}`,
  );
  console.log(
    `event loop: p50 ${lag.p50.toFixed(1)} ms, p99 ${lag.p99.toFixed(1)} ms, max ${lag.max.toFixed(1)} ms (of which 10 ms are the resolution of the measurement)`,
  );
  const mb = (bytes) => (bytes / 2 ** 20).toFixed(0);
  const quarter = (from) => mb(at(rss.slice(rss.length * from, rss.length * (from + 0.25)), 0.5));
  console.log(
    `resident memory, medians of the quarters of the time: ${[0, 0.25, 0.5, 0.75].map(quarter).join(', ')} MB; maximum ${mb(Math.max(...rss))} MB`,
  );
  console.log(`ended with status ${await server.stop()} after SIGTERM`);
}

async function main() {
  const { values: flags } = parseArgs({ options: OPTIONS });
  if (flags.help) {
    console.log(USAGE);
    return;
  }
  await startUp(flags.model, Number(flags.starts));
  await overhead(flags.model, Number(flags.calls));
  await overhead(flags.model, Number(flags.calls), '--no-keep');
  await floor(Number(flags.calls));
  if (Number(flags.seconds) > 0) await load(flags.model, Number(flags.clients), Number(flags.seconds));
  agent.destroy();
}

void main();
