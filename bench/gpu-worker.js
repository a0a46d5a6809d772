// Measures one contestant of gpu.js. Each contestant has a separate process, so that peaks of memory are its own. The job is given
// as JSON, and the measurements are printed as JSON.
'use strict';
const { readFileSync, writeFileSync } = require('node:fs');
const path = require('node:path');
const { setTimeout: sleep } = require('node:timers/promises');
const { deserialize, serialize } = require('node:v8');
const { nativeBinding } = require('../dist/native/binding.js');
const { TorchModule } = require('../dist/torch.js');

const support = path.join(__dirname, '../build/test/test');
const { clip } = require(path.join(support, 'support/tiny.js'));
const { cosine } = require(path.join(support, 'support/cosine.js'));
const { furthest, outputOf, scoresOf } = require(path.join(support, 'gpu/outputs.js'));

const RATE = 16000;
/** Milliseconds for which the runs of a clip are repeated. */
const TIMED_MS = 4000;
/** Milliseconds that a batch may take; slower batches are not timed. */
const MAX_BATCH_MS = 15_000;
/** Logits and the number of frames: the elements that a call without options requests. */
const KEEP = [0, 3];

const job = JSON.parse(process.argv[2]);
const onCuda = job.device === 'cuda';
const timed = async (work) => {
  const begin = performance.now();
  const value = await work();
  return { ms: performance.now() - begin, value };
};
const median = (values) => {
  const sorted = values.toSorted((a, b) => a - b);
  return (sorted[(sorted.length - 1) >> 1] + sorted[sorted.length >> 1]) / 2;
};
const load = () => TorchModule.load(job.file, { device: job.device, precision: job.precision });
const memory = async () => (await nativeBinding()).deviceMemory(onCuda ? 'cuda:0' : 'cpu');

async function main() {
  const first = await timed(load);
  const module = first.value;
  const { allocatedBytes: weightsBytes, peakBytes: loadPeakBytes } = module.deviceMemory();
  const firstClip = await timed(() => forward(module, job.lengths[0]));
  const apart = await compare(module);
  const clips = [];
  for (const seconds of job.lengths) clips.push({ seconds, ms: await time(() => forward(module, seconds)) });
  const { peakBytes } = module.deviceMemory();
  const batches = [];
  for (const { seconds, ms } of clips) {
    if (ms * job.batch > MAX_BATCH_MS) continue;
    batches.push({ seconds, ms: (await time(() => forward(module, seconds, job.batch))) / job.batch });
  }
  const { peakBytes: batchPeakBytes } = module.deviceMemory();
  const left = await unloaded(module);
  const again = await timed(load);
  await forward(again.value, job.lengths[0]);
  const leftAgain = await unloaded(again.value);
  return {
    firstLoadMs: first.ms,
    loadMs: again.ms,
    firstClipMs: firstClip.ms,
    clips,
    batches,
    apart,
    rssBytes: process.resourceUsage().maxRSS * 1024,
    ...(onCuda && { memory: { weightsBytes, loadPeakBytes, peakBytes, batchPeakBytes, left, leftAgain } }),
    ...(onCuda && { recoveries: await recover() }),
  };
}

/** Runs `count` clips of `seconds` in one batch. */
function forward(module, seconds, count = 1) {
  const size = Math.round(seconds * RATE);
  const data = new Float32Array(count * size);
  for (let i = 0; i < count; i++) data.set(clipOf(seconds), i * size);
  const lengths = new BigInt64Array(count).fill(BigInt(size));
  const inputs = [
    { dtype: 'float32', shape: [count, size], data },
    { dtype: 'int64', shape: [count], data: lengths },
  ];
  return module.forward(inputs, { keep: KEEP });
}

const made = new Map();
function clipOf(seconds) {
  if (!made.has(seconds)) made.set(seconds, clip(Math.round(seconds), Math.round(seconds * RATE)));
  return made.get(seconds);
}

/** Returns the median milliseconds of several runs, after one that warms up. */
async function time(work) {
  const { ms: warm } = await timed(work);
  const rounds = Math.max(1, Math.min(job.rounds, Math.floor(TIMED_MS / warm)));
  const times = [];
  for (let round = 0; round < rounds; round++) times.push((await timed(work)).ms);
  return median(times);
}

/** Returns the largest differences from the reference, which the first contestant writes. */
async function compare(module) {
  const outputs = [];
  for (const seconds of job.lengths) outputs.push(await outputOf(module, clipOf(seconds)));
  if (!onCuda && job.precision === 'fp32') {
    writeFileSync(job.reference, serialize(outputs));
    return undefined;
  }
  const reference = deserialize(readFileSync(job.reference));
  const largest = (measure) => Math.max(...outputs.map((output, i) => measure(output, reference[i])));
  const labels = reference[0].logits.length;
  return {
    logits: largest((a, b) => furthest(a.logits, b.logits)),
    frameLogits: largest((a, b) => furthest(a.frameLogits, b.frameLogits)),
    features: largest((a, b) => furthest(a.features, b.features)),
    scores: largest((a, b) => furthest(scoresOf(a.logits), scoresOf(b.logits))),
    frameScores: largest((a, b) => furthest(scoresOf(a.frameLogits, labels), scoresOf(b.frameLogits, labels))),
    cosine: 1 - largest((a, b) => 1 - cosine(a.features, b.features)),
  };
}

/** Disposes of the module. Returns the memory once it has not changed for half a second. */
async function unloaded(module) {
  module.dispose();
  let last = await memory();
  for (let same = 0; same < 10;) {
    await sleep(50);
    const now = await memory();
    same = now.allocatedBytes === last.allocatedBytes ? same + 1 : 0;
    last = now;
  }
  return { allocatedBytes: last.allocatedBytes, reservedBytes: last.reservedBytes, freeBytes: last.freeBytes };
}

/** Runs out of memory repeatedly. Returns how often the next clip was recognized, and its time beside the usual one. */
async function recover() {
  const { Ballast } = require(path.join(support, 'gpu/ballast.js'));
  const module = await load();
  const short = () => forward(module, 1);
  await short();
  const usualMs = await time(short);
  const ballast = await Ballast.fill();
  await ballast.releaseFor(short);
  const outOfMemory = (seconds) =>
    forward(module, seconds).then(
      () => false,
      (error) => {
        if (error.code !== 'ERR_OUT_OF_MEMORY') throw error;
        return true;
      },
    );
  let seconds = 60;
  while (!(await outOfMemory(seconds))) {
    seconds *= 2;
    if (seconds > 4000) throw new Error('Memory does not run out');
  }
  const times = [];
  for (let round = 0; round < job.recoveries; round++) {
    if (!(await outOfMemory(seconds))) throw new Error(`Memory did not run out in round ${round}`);
    times.push((await timed(short)).ms);
  }
  ballast[Symbol.dispose]();
  module.dispose();
  return { count: times.length, seconds, ms: median(times), usualMs };
}

main()
  .catch((error) => {
    if (error.code === 'ERR_PRECISION_UNSUPPORTED') return { skipped: error.message };
    throw error;
  })
  .then((result) => process.stdout.write(JSON.stringify(result)))
  .catch((error) => {
    console.error(error);
    process.exitCode = 1;
  });
