// Runs a contestant in a separate process: `main.js ADAPTER OPTIONS`. It replies once it is loaded, and to each request, with a line
// of JSON. Requests: {"clip": FILE}, {"clip": FILE, "inFlight": N, "seconds": S}, {"memory": true}. A clip is raw float32 at 16 kHz.
// An adapter exports `load(options)`, which returns { version, run(samples) }. eager.py has the same protocol.
'use strict';
const begin = performance.now();
const { readFileSync } = require('node:fs');
const readline = require('node:readline');

const reply = (answer) => process.stdout.write(`${JSON.stringify(answer)}\n`);

/** Returns the peak of the resident memory of this process. */
function peakBytes() {
  return 1024 * Number(/VmHWM:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))[1]);
}

function read(clip) {
  const { buffer } = Uint8Array.from(readFileSync(clip)); // aligned, unlike a Buffer
  return new Float32Array(buffer);
}

async function timed(work) {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

/** Keeps `inFlight` runs under way until the time is up, and waits for the last ones. */
async function flood(run, samples, inFlight, seconds) {
  const end = performance.now() + 1000 * seconds;
  let clips = 0;
  const worker = async () => {
    for (; performance.now() < end; clips++) await run(samples);
  };
  const ms = await timed(() => Promise.all(Array.from({ length: inFlight }, worker)));
  return { clips, ms };
}

async function respond({ run }, { clip, inFlight, seconds, memory }) {
  if (memory) return { peakBytes: peakBytes() };
  const samples = read(clip);
  return inFlight ? flood(run, samples, inFlight, seconds) : { ms: await timed(() => run(samples)) };
}

async function main(adapter, options) {
  try {
    const contestant = await require(`./${adapter}.js`).load(JSON.parse(options));
    reply({ loadMs: performance.now() - begin, version: contestant.version });
    for await (const line of readline.createInterface({ input: process.stdin })) {
      reply(await respond(contestant, JSON.parse(line)));
    }
  } catch (error) {
    reply({ error: error.message, code: error.code });
  }
}

void main(process.argv[2], process.argv[3]);
