// Seconds a clip, emotion2vec-node beside FunASR eager and onnxruntime-node, on two threads, interleaved: every round times each
// of them once on each length, so that a noisy machine treats them alike. Prints medians and ratios of medians.
//
//   npm ci --ignore-scripts --prefix bench
//   node bench/speed/run.js --archive large.pt --onnx large.onnx --reference ../shared/reference --python .venv/bin/python
'use strict';
const { spawn } = require('node:child_process');
const path = require('node:path');
const readline = require('node:readline');
const { parseArgs } = require('node:util');

const { values: flags } = parseArgs({
  options: {
    archive: { type: 'string' },
    onnx: { type: 'string' },
    reference: { type: 'string', default: path.join(__dirname, '../../../shared/reference') },
    python: { type: 'string', default: 'python3' },
    size: { type: 'string', default: 'large' },
    seed: { type: 'string', default: '7' },
    seconds: { type: 'string', default: '1,3,10,30,60' },
    rounds: { type: 'string', default: '5' },
  },
});

/** A contestant in a process of its own, which stays between clips. */
class Contestant {
  constructor(name, command, args) {
    this.name = name;
    this.child = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    this.lines = readline.createInterface({ input: this.child.stdout })[Symbol.asyncIterator]();
  }

  async read() {
    const { value, done } = await this.lines.next();
    if (done) throw new Error(`${this.name} ended`);
    return value;
  }

  async time(seconds) {
    this.child.stdin.write(`${seconds}\n`);
    return Number(await this.read()) / 1000;
  }
}

const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];

async function main() {
  const contestants = [new Contestant('ours', process.execPath, [path.join(__dirname, 'ours.js'), flags.archive])];
  if (flags.onnx) {
    contestants.push(
      new Contestant('onnxruntime', process.execPath, [path.join(__dirname, 'onnxruntime.js'), flags.onnx]),
    );
  }
  if (flags.python !== 'none') {
    const args = [path.join(__dirname, 'eager.py'), flags.reference, flags.size, flags.seed];
    contestants.push(new Contestant('FunASR', flags.python, args));
  }
  for (const contestant of contestants) await contestant.read();
  const lengths = flags.seconds.split(',').map(Number);
  const times = new Map(contestants.map(({ name }) => [name, new Map(lengths.map((length) => [length, []]))]));
  for (const length of lengths) {
    for (const contestant of contestants) await contestant.time(length); // warm
    for (let round = 0; round < Number(flags.rounds); round++) {
      for (const contestant of contestants)
        times
          .get(contestant.name)
          .get(length)
          .push(await contestant.time(length));
    }
    const ours = median(times.get('ours').get(length));
    const columns = contestants.map(({ name }) => {
      const all = times.get(name).get(length);
      const least = Math.min(...all).toFixed(3);
      return `${name} ${median(all).toFixed(3)} (least ${least}, x${(median(all) / ours).toFixed(2)})`;
    });
    console.log(`${String(length).padStart(3)} s  ${columns.join('   ')}`);
  }
  for (const { child } of contestants) child.kill();
}

void main();
