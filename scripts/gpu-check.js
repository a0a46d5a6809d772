// check.js of the folder that pack-gpu-check.js makes, which run.sh starts: runs the GPU tests, a file at a time, so that one that
// crashes or hangs takes no other along, then the benchmark. Whatever is done so far lies in $OUT.
'use strict';
const { spawn } = require('node:child_process');
const { createWriteStream, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } = require('node:fs');
const path = require('node:path');

const out = process.env.OUT;
const TESTS = 'build/test/test/gpu';
const MOCHA = ['node_modules/mocha/bin/mocha.js', '--no-config', '--no-package', '--reporter=test/support/reporter.js'];
/** What comes last takes longest. */
const LAST = 'full-size.test.js';
/** Milliseconds. */
const [TEST_LIMIT, BENCH_LIMIT, DOCTOR_LIMIT] = [420_000, 900_000, 180_000];
/** As automake's and others' tests end when they are skipped. */
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

/** Prints the result and keeps it; the exit status. */
function conclude(counts, nothing) {
  const lines = failures.map((failure) => `FAILED ${failure}\n`);
  if (counts !== undefined) {
    lines.push(`${counts.passes} passed, ${failures.length} failed, ${counts.pending} skipped`);
  }
  let status = failures.length > 0 ? 1 : 0;
  if (nothing) {
    const seen = process.env.PYTHON_CUDA === 'True';
    lines.push(
      seen
        ? 'FAILED: Python sees a GPU, and emotion2vec-node does not (the logs tell why)'
        : 'There is no GPU here: nothing was checked (the logs tell why)',
    );
    status = seen ? 1 : SKIPPED;
  }
  const text = `\n${lines.join('\n')}\nlogs and numbers: ${out}\n`;
  process.stdout.write(text);
  writeFileSync(path.join(out, 'summary.txt'), `${text}exit status ${status}\n`);
  return status;
}

/** Runs Node, seen here and kept in NAME.log; its exit status or signal. */
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
