// The benchmark of a CUDA device; see USAGE. gpu-worker.js measures, and gpu-report.js writes the tables.
'use strict';
const { spawn } = require('node:child_process');
const { mkdirSync, mkdtempSync, rmSync, writeFileSync } = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { parseArgs } = require('node:util');
const { head, report } = require('./gpu-report.js');
const { machine } = require('./machine.js');

const root = path.join(__dirname, '..');
const support = path.join(root, 'build/test/test');

const USAGE = `Measures each precision on the first CUDA device and on the CPU, each in a separate process: load time, time per clip and
in batches, device memory, differences from the CPU's results in fp32, and recovery after memory ran out.

  npm run bench:gpu             # five minutes
  FAKE=1 npm run bench:gpu      # on the simulated device, whose numbers are meaningless

--models A,B          small, large, tiny (small,large; on the fake device small,tiny)
--lengths 3,10,30     lengths of the clips in seconds
--batch N             clips in a batch (16)
--rounds N            maximum number of times that each clip is timed (10)
--recoveries N        number of times that memory is made to run out (100)
--out FILE            file for the numbers, as JSON (build/bench/gpu.json)`;

const OPTIONS = {
  help: { type: 'boolean', default: false },
  models: { type: 'string' },
  lengths: { type: 'string' },
  batch: { type: 'string', default: '16' },
  rounds: { type: 'string', default: '10' },
  recoveries: { type: 'string', default: '100' },
  out: { type: 'string', default: path.join(root, 'build/bench/gpu.json') },
};

/** The others are compared with the first one. */
const CONTESTANTS = [
  { name: 'cpu fp32', device: 'cpu', precision: 'fp32' },
  ...['fp32', 'fp16', 'bf16', 'int8'].map((precision) => ({ name: `cuda ${precision}`, device: 'cuda', precision })),
  // With this variable, NVIDIA's libraries never use TF32.
  { name: 'cuda fp32, no TF32', device: 'cuda', precision: 'fp32', env: { NVIDIA_TF32_OVERRIDE: '0' } },
  ...['bf16', 'int8'].map((precision) => ({ name: `cpu ${precision}`, device: 'cpu', precision })),
];
/** The exit status of automake's skipped tests: nothing could be measured. */
const SKIPPED = 77;
/** Maximum number of milliseconds of a contestant. */
const LIMIT = 300_000;

async function main() {
  const { values: flags } = parseArgs({ options: OPTIONS });
  if (flags.help) {
    console.log(USAGE);
    return;
  }
  const { findGpu } = require(path.join(support, 'gpu/gpu.js'));
  const gpu = await findGpu();
  if (typeof gpu === 'string') {
    console.error(gpu);
    process.exitCode = SKIPPED;
    return;
  }
  const work = mkdtempSync(path.join(os.tmpdir(), 'emotion2vec-gpu-bench-'));
  try {
    await run(flags, gpu, work);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

async function run(flags, gpu, work) {
  const settings = {
    lengths: numbers(flags.lengths ?? (gpu.fake ? '1,3' : '3,10,30'), 'lengths'),
    batch: numbers(flags.batch, 'batch')[0],
    rounds: numbers(flags.rounds, 'rounds')[0],
    recoveries: numbers(flags.recoveries, 'recoveries')[0],
  };
  const results = { machine: machine(), gpu, driver: await driver(), settings, models: [] };
  mkdirSync(path.dirname(flags.out), { recursive: true });
  console.log(head(results));
  for (const name of (flags.models ?? (gpu.fake ? 'small,tiny' : 'small,large')).split(',')) {
    progress(`model: ${name}`);
    const { file, title, remove } = await modelOf(name, work);
    const entry = { name, title, contestants: [] };
    results.models.push(entry);
    const reference = path.join(work, `${name}.reference`);
    for (const contestant of CONTESTANTS) {
      progress(`${name}: ${contestant.name}`);
      const job = { file, ...contestant, ...settings, reference };
      if (gpu.fake && name !== 'small') job.recoveries = Math.min(settings.recoveries, 3); // the CPU's kernels are slow
      entry.contestants.push({ ...contestant, ...(await contest(job)) });
      // The file is written after each contestant, so that an interruption loses no numbers.
      writeFileSync(flags.out, `${JSON.stringify(results, null, 2)}\n`);
    }
    remove();
    console.log(`\n${report(entry, settings)}`);
  }
  progress(`written: ${flags.out}`);
  const failures = results.models.flatMap(({ contestants }) => contestants.filter(({ error }) => error !== undefined));
  if (failures.length > 0) process.exitCode = 1;
}

/** Returns the worker's measurements, or `error` if it failed, or `skipped` if the processor does not support the precision. */
function contest({ env, ...job }) {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [path.join(__dirname, 'gpu-worker.js'), JSON.stringify(job)], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...env },
      timeout: LIMIT,
      killSignal: 'SIGKILL',
    });
    let [stdout, stderr] = ['', ''];
    child.stdout.on('data', (text) => (stdout += text));
    child.stderr.on('data', (text) => (stderr += text));
    child.on('error', (error) => resolve({ error: error.message }));
    child.on('close', (status, signal) => {
      if (status === 0 && stdout !== '') resolve(JSON.parse(stdout));
      else resolve({ error: `ended with ${signal ?? status}: ${stderr.trim().slice(-2000)}` });
    });
  });
}

async function modelOf(name, work) {
  if (name === 'small') {
    return { file: path.join(root, 'models/small-en-de.pt'), title: 'The built-in model', remove: () => undefined };
  }
  if (name === 'tiny') {
    const { importTiny } = require(path.join(support, 'support/tiny.js'));
    const file = await importTiny(path.join(work, 'tiny.pt'));
    return { file, title: 'emotion2vec+ with 64 dimensions and 2 + 2 blocks, seeded weights', remove: () => undefined };
  }
  if (name !== 'large') throw new Error(`--models takes small, large and tiny, not ${name}`);
  const { importLarge, modelFolder } = require(path.join(support, 'support/full-size.js'));
  const { folder, remove } = modelFolder();
  return { file: await importLarge(folder), title: 'emotion2vec+ large, 162 M seeded weights', remove };
}

async function driver() {
  const { loaderBinding } = require('../dist/native/binding.js');
  const { version, release, devices } = await loaderBinding().cudaDriver();
  return { version, release, devices };
}

function numbers(text, flag) {
  return text.split(',').map((part) => {
    if (Number(part) > 0) return Number(part);
    throw new Error(`--${flag} takes numbers above 0, not ${part}`);
  });
}

function progress(line) {
  process.stderr.write(`${line}\n`);
}

main().catch((error) => {
  console.error(error.message);
  process.exitCode = 1;
});
