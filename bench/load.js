// Measures what matters to a busy server: the delay of the event loop, what a call costs beside its native run, the throughput of
// many callers beside that of one that awaits each clip, and the gain of batches and parallel runs by clip length. Contestants that
// are compared run interleaved.
'use strict';
const { monitorEventLoopDelay } = require('node:perf_hooks');
const { parseArgs } = require('node:util');
const { EmotionRecognizer } = require('..');
const { TorchModule } = require('../dist/torch.js');

const USAGE = `npm run bench:load [-- --model ARCHIVE...] [--lengths 0.5,1,3,10] [--rounds N] [--seconds N]`;

const OPTIONS = {
  help: { type: 'boolean', default: false },
  model: { type: 'string', multiple: true, default: ['small-en-de'] },
  lengths: { type: 'string', default: '0.5,1,3,10' },
  rounds: { type: 'string', default: '5' },
  seconds: { type: 'string', default: '2' },
};

const RATE = 16000;
const speech = require('node:path').join(__dirname, '../test/fixtures/speech.wav');
const noise = (seconds) => Float32Array.from({ length: seconds * RATE }, () => Math.random() / 4);
const clipOf = (seconds) => ({ samples: noise(seconds), sampleRate: RATE });
const median = (values) => values.toSorted((a, b) => a - b)[values.length >> 1];
const at = (values, share) =>
  values.toSorted((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * share))];

/** Measures the delay of the event loop while 200 calls run. */
async function eventLoop(recognizer) {
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  const begin = performance.now();
  await Promise.all(Array.from({ length: 200 }, () => recognizer.recognize(speech)));
  const seconds = (performance.now() - begin) / 1000;
  delay.disable();
  const ms = (ns) => (ns / 1e6).toFixed(1);
  console.log(
    `event loop while 200 clips of 3.1 s run: p50 ${ms(delay.percentile(50))} ms, p99 ${ms(delay.percentile(99))} ms, ` +
      `max ${ms(delay.max)} ms (${(200 / seconds).toFixed(0)} clips/s)`,
  );
}

/** Measures the time that a call takes beyond its native run, one call at a time. */
async function overhead(recognizer) {
  const clip = clipOf(3);
  const extra = [];
  for (let i = 0; i < 400; i++) {
    const begin = performance.now();
    const { timing } = await recognizer.recognize(clip);
    extra.push(performance.now() - begin - timing.inferenceMs);
  }
  console.log(
    `a call beyond its native run (3 s of samples): p50 ${at(extra, 0.5).toFixed(2)} ms, p99 ${at(extra, 0.99).toFixed(2)} ms`,
  );
}

/** Returns the clips per second with `inFlight` calls under way. */
async function throughput(call, inFlight, seconds) {
  const begin = performance.now();
  let done = 0;
  const work = async () => {
    while (performance.now() - begin < 1000 * seconds) {
      await call();
      done++;
    }
  };
  await Promise.all(Array.from({ length: inFlight }, work));
  return (1000 * done) / (performance.now() - begin);
}

/** Interleaves the contestants. Returns their medians in clips per second. */
async function compare(contestants, rounds, seconds) {
  const rates = contestants.map(() => []);
  for (let round = 0; round <= rounds; round++) {
    for (const [i, { call, inFlight }] of contestants.entries()) {
      const rate = await throughput(call, inFlight, round === 0 ? 0.5 : seconds);
      if (round > 0) rates[i].push(rate); // the first round warms up
    }
  }
  return rates.map(median);
}

async function byLength(model, lengths, rounds, seconds) {
  const module = await TorchModule.load(model === 'small-en-de' ? require.resolve('../models/small-en-de.pt') : model);
  const single = new EmotionRecognizer({ model, maxBatch: 1 });
  const usual = new EmotionRecognizer({ model });
  const batched = new EmotionRecognizer({ model, maxBatch: 16 });
  const narrow = new EmotionRecognizer({ model, threads: 1, maxBatch: 1 });
  console.log(`\n${model}, clips per second (and the ratio to one caller that awaits each TorchModule.forward)\n`);
  console.log(
    '| clip | bare loop | loop of recognize | 32 in flight | no batches | batches of 16 | one thread per run |',
  );
  console.log('|---|---|---|---|---|---|---|');
  for (const length of lengths) {
    const clip = clipOf(length);
    const size = clip.samples.length;
    const inputs = [
      { dtype: 'float32', shape: [1, size], data: clip.samples },
      { dtype: 'int64', shape: [1], data: BigInt64Array.of(BigInt(size)) },
    ];
    const [bare, ...rates] = await compare(
      [
        { call: () => module.forward(inputs, { keep: [0, 3] }), inFlight: 1 },
        { call: () => usual.recognize(clip), inFlight: 1 },
        { call: () => usual.recognize(clip), inFlight: 32 },
        { call: () => single.recognize(clip), inFlight: 32 },
        { call: () => batched.recognize(clip), inFlight: 32 },
        { call: () => narrow.recognize(clip), inFlight: 32 },
      ],
      rounds,
      seconds,
    );
    const cells = rates.map((rate) => `${rate.toFixed(1)} (x${(rate / bare).toFixed(2)})`);
    console.log(`| ${length} s | ${bare.toFixed(1)} | ${cells.join(' | ')} |`);
  }
  module.dispose();
  await Promise.all([single, usual, batched, narrow].map((recognizer) => recognizer.close()));
}

async function main() {
  const { values: flags } = parseArgs({ options: OPTIONS });
  if (flags.help) {
    console.log(USAGE);
    return;
  }
  const recognizer = new EmotionRecognizer();
  for (let i = 0; i < 5; i++) await recognizer.recognize(speech);
  await eventLoop(recognizer);
  await overhead(recognizer);
  await recognizer.close();
  const lengths = flags.lengths.split(',').map(Number);
  for (const model of flags.model) await byLength(model, lengths, Number(flags.rounds), Number(flags.seconds));
}

void main();
