// Becomes check.js in the folder that pack-gpu-check.js makes; run.sh starts it. It runs the GPU tests, each file in a separate
// process so that a crash or hang affects no other file, and then the benchmark. The results so far are always in $OUT.
'use strict';
const { spawn } = require('node:child_process');
const { createWriteStream, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } = require('node:fs');
const path = require('node:path');

const out = process.env.OUT;
const TESTS = 'build/test/test/gpu';
const MOCHA = ['node_modules/mocha/bin/mocha.js', '--no-config', '--no-package', '--reporter=test/support/reporter.js'];
/** The slowest file, which runs last. */
const LAST = 'full-size.test.js';
/** Time limits in milliseconds. */
const [TEST_LIMIT, BENCH_LIMIT, DOCTOR_LIMIT] = [420_000, 900_000, 180_000];
/** The exit status of automake's skipped tests. */
const SKIPPED = 77;

const [only] = process.argv.slice(2);
const failures = [];

async function main() {
  if (only !== undefined && only !== 'tests' && only !== 'bench')
    throw new Error(`run.sh takes tests or bench, not ${only}`);
  await run('doctor', ['-e', "require('./dist/cli/doctor.js').runDoctor({}).then(() => undefined)"], DOCTOR_LIMIT);
  const counts = only === 'bench' ? undefined : await tests();
  let nothing = counts !== undefined && counts.passes + counts.failures === 0 && failures.length === 0;
  if (!nothing && only !== 'tests') {
    const bench = ['bench/gpu.js', `--out=${path.join(out, 'bench.json')}`];
    const status = await run('bench', bench, BENCH_LIMIT);
    if (status === SKIPPED) nothing = true;
    else if (status !== 0) failures.push(`the benchmark ended with ${status}`);
  }
  return conclude(counts, nothing);
}

async function tests() {
  const sum = { passes: 0, failures: 0, pending: 0 };
  const files = readdirSync(TESTS).filter((file) => file.endsWith('.test.js'));
  for (const file of files.sort((a, b) => Number(a === LAST) - Number(b === LAST) || a.localeCompare(b))) {
    const name = path.basename(file, '.test.js');
    const countsFile = path.join(out, `${name}.json`);
    rmSync(countsFile, { force: true });
    const args = [...MOCHA, '--timeout=300000', `${TESTS}/${file}`];
    const status = await run(name, args, TEST_LIMIT, { MOCHA_COUNTS: countsFile });
    const counts = existsSync(countsFile) ? JSON.parse(readFileSync(countsFile, 'utf8')) : undefined;
    for (const key of Object.keys(sum)) sum[key] += counts?.[key] ?? 0;
    failures.push(...(counts?.failed ?? []));
    if (counts === undefined || (status !== 0 && counts.failures === 0)) failures.push(`${file} ended with ${status}`);
  }
  return sum;
}

/** Prints the result and writes it to summary.txt. Returns the exit status. */
function conclude(counts, nothing) {
  const lines = failures.map((failure) => `FAILED ${failure}\n`);
  if (counts !== undefined) {
    lines.push(`${counts.passes} passed, ${failures.length} failed, ${counts.pending} skipped`);
  }
  let status = failures.length > 0 ? 1 : 0;
  if (nothing) {
    const foundByPython = process.env.PYTHON_CUDA === 'True';
    lines.push(
      foundByPython
        ? 'FAILED: Python finds a GPU, and emotion2vec-node does not (see the logs)'
        : 'There is no GPU, so nothing was checked (see the logs)',
    );
    status = foundByPython ? 1 : SKIPPED;
  }
  const text = `\n${lines.join('\n')}\nlogs and numbers: ${out}\n`;
  process.stdout.write(text);
  writeFileSync(path.join(out, 'summary.txt'), `${text}exit status ${status}\n`);
  return status;
}

/** Runs Node, with its output shown and written to NAME.log. Returns its exit status or signal. */
function run(name, args, timeout, env = {}) {
  return new Promise((resolve) => {
    process.stdout.write(`\n== ${name} ==\n`);
    const log = createWriteStream(path.join(out, `${name}.log`));
    const child = spawn(process.execPath, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...env },
      timeout,
      killSignal: 'SIGKILL',
    });
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (text) => {
        process.stdout.write(text);
        log.write(text);
      });
    }
    child.on('close', (status, signal) => log.end(() => resolve(status ?? signal)));
  });
}

main().then(
  (status) => (process.exitCode = status),
  (error) => {
    console.error(error.message);
    process.exitCode = 1;
  },
);
