// The benchmark; see USAGE. prepare.js makes the inputs, measure.js measures, and contestants/ has the contestants.
'use strict';
const { existsSync, mkdirSync, readFileSync, writeFileSync } = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { parseArgs } = require('node:util');
const { contestants } = require('./contestants');
const { machine } = require('./machine.js');
const { measure } = require('./measure.js');
const { plot } = require('./plot.js');
const { Inputs } = require('./prepare.js');
const { report } = require('./report.js');

const root = path.join(__dirname, '..');
const PYTHON = process.env.EMOTION2VEC_PARITY_PYTHON ?? path.join(root, 'build/parity-venv/bin/python');

const USAGE = `Compares emotion2vec-node with onnxruntime-node and FunASR on the same weights (full size, seeded), clips and threads.

  npm ci && npm ci --ignore-scripts --prefix bench
  scripts/parity-venv.sh && build/parity-venv/bin/pip install onnx onnxruntime   # the Python that makes the inputs, once
  npm run bench                 # 15 minutes; writes docs/reference/bench.md and bench.svg
  npm run bench -- --quick      # two minutes, without FunASR; only prints the tables
  npm run bench -- --render     # writes the page again from the numbers of the last full run

--threads N           intra-op threads of each contestant (2)
--lengths 1,3,10      lengths of the clips in seconds
--rounds N            number of times that each contestant is timed
--seconds N           duration of a round with many clips in flight
--size NAME           large, base or tiny (large)
--folder DIR          folder for inputs and numbers (build/bench)
--out DIR             folder for bench.md and bench.svg (docs/reference)
--python FILE         the Python that has torch, funasr, onnx and onnxruntime (build/parity-venv/bin/python)
--reference DIR       folder with funasr_reference.py (../shared/reference)`;

const OPTIONS = {
  help: { type: 'boolean', default: false },
  quick: { type: 'boolean', default: false },
  render: { type: 'boolean', default: false },
  threads: { type: 'string', default: '2' },
  lengths: { type: 'string' },
  rounds: { type: 'string' },
  seconds: { type: 'string' },
  size: { type: 'string', default: 'large' },
  folder: { type: 'string', default: path.join(root, 'build/bench') },
  out: { type: 'string', default: path.join(root, 'docs/reference') },
  python: { type: 'string', default: PYTHON },
  reference: { type: 'string', default: path.join(root, '../shared/reference') },
};

async function main() {
  const { values: flags } = parseArgs({ options: OPTIONS });
  if (flags.help) {
    console.log(USAGE);
    return;
  }
  const numbers = path.join(flags.folder, 'results.json');
  const results = flags.render ? JSON.parse(readFileSync(numbers, 'utf8')) : await run(flags);
  if (flags.quick) {
    console.log(report(results));
    return;
  }
  mkdirSync(flags.out, { recursive: true });
  writeFileSync(numbers, JSON.stringify(results, null, 2));
  writeFileSync(path.join(flags.out, 'bench.svg'), plot(results));
  const page = path.join(flags.out, 'bench.md');
  writeFileSync(page, withTables(page, `${report(results)}\n![Seconds for a clip](bench.svg)`));
  progress(`written: bench.md and bench.svg in ${flags.out}`);
}

/** Returns the page with new tables between its markers, or only the tables if there is no page. */
function withTables(page, tables) {
  const text = existsSync(page) ? readFileSync(page, 'utf8') : '<!-- tables: begin --><!-- tables: end -->\n';
  const [before, after] = [text.split('<!-- tables: begin -->')[0], text.split('<!-- tables: end -->')[1]];
  return `${before}<!-- tables: begin -->\n\n${tables}\n\n<!-- tables: end -->${after}`;
}

async function run(flags) {
  const [load] = os.loadavg();
  if (load > 0.5) progress(`the machine is busy (load ${load.toFixed(1)}): the numbers will be noisy`);
  const settings = settingsOf(flags);
  const inputs = new Inputs(flags);
  const field = await contestants(inputs, { ...flags, threads: settings.threads });
  const args = process.argv.slice(2);
  return {
    machine: machine(),
    command: ['npm run bench', ...(args.length > 0 ? ['--', ...args] : [])].join(' '),
    settings,
    contestants: await measure(field, inputs, settings, progress),
  };
}

function settingsOf({ quick, size, threads, lengths, rounds, seconds }) {
  const several = positive(rounds ?? (quick ? 3 : 5), 'rounds');
  const few = Math.min(several, quick ? 1 : 3); // for slow measurements
  return {
    size,
    threads: positive(threads, 'threads'),
    lengths: (lengths ?? (quick ? '1,3,10' : '1,3,10,30,60')).split(',').map((length) => positive(length, 'lengths')),
    rounds: several,
    coldRounds: few,
    floodRounds: few,
    floodSeconds: positive(seconds ?? (quick ? 4 : 10), 'seconds'),
  };
}

function positive(value, flag) {
  if (Number(value) > 0) return Number(value);
  throw new Error(`--${flag} takes numbers above 0, not ${value}`);
}

function progress(line) {
  process.stderr.write(`${line}\n`);
}

main().catch((error) => {
  console.error(error.message);
  process.exitCode = 1;
});
