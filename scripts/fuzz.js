'use strict';
// Fuzzes the code that reads untrusted bytes, guided by coverage (Jazzer.js, based on libFuzzer). See "Fuzzing" in CONTRIBUTING.md.
//   node scripts/fuzz.js TARGET MINUTES    fuzzes one target; SEED=N repeats a run
//   node scripts/fuzz.js TARGET FILE       tries one input
//   node scripts/fuzz.js --ci              fuzzes all targets for two minutes in total
const { spawn } = require('node:child_process');
const { createHash } = require('node:crypto');
const { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } = require('node:fs');
const path = require('node:path');

const root = path.join(__dirname, '..');
const built = path.join(root, 'build/test/fuzz');
const { keptSeeds, loadTarget, MEMORY_LIMIT, readSeed, targetNames } = require(path.join(built, 'target.js'));

const CI_SECONDS = 120;
const HANG_SECONDS = 10;
const MAX_BYTES = 65_536;

main(process.argv.slice(2)).catch((error) => {
  console.error(error);
  process.exitCode = 1;
});

async function main([name, second]) {
  const names = targetNames();
  if (name === '--ci') {
    const targets = await Promise.all(names.map(async (each) => ({ each, ...(await loadTarget(each)) })));
    const chosen = targets.filter(({ ci = true }) => ci);
    const begin = performance.now();
    for (const [i, { each }] of chosen.entries()) {
      const left = CI_SECONDS - (performance.now() - begin) / 1000; // unused time goes to the remaining targets
      await fuzzFor(each, Math.max(1, Math.floor(left / (chosen.length - i))));
    }
  } else if (names.includes(name) && existsSync(second ?? '')) {
    await start(name, await loadTarget(name), [path.resolve(second)], ['-runs=10']); // several runs, because a reader may keep state
  } else if (names.includes(name) && Number(second ?? 1) > 0) {
    await fuzzFor(name, Math.ceil(Number(second ?? 1) * 60));
  } else {
    console.error(`usage: npm run fuzz -- TARGET [MINUTES | FILE]; targets: ${names.join(', ')}`);
    process.exitCode = 2;
  }
}

async function fuzzFor(name, seconds) {
  const target = await loadTarget(name);
  const folder = path.join(root, 'build/fuzz', name);
  const [corpus, seeds, findings] = ['corpus', 'seeds', 'findings'].map((part) => path.join(folder, part));
  rmSync(seeds, { recursive: true, force: true }); // may be of an earlier version
  for (const each of [corpus, seeds, findings]) mkdirSync(each, { recursive: true });
  for (const bytes of [...target.seeds(), ...keptSeeds(name)].map(readSeed)) {
    writeFileSync(path.join(seeds, createHash('sha1').update(bytes).digest('hex')), bytes);
  }
  const before = new Set(readdirSync(findings));
  const dictionary = path.join(folder, 'dictionary');
  writeFileSync(dictionary, (target.dictionary ?? []).map((word) => `"${escaped(word)}"\n`).join(''));
  const options = [
    `-max_total_time=${seconds}`,
    `-max_len=${target.maxBytes ?? MAX_BYTES}`,
    `-dict=${dictionary}`,
    `-artifact_prefix=${findings}/`,
    ...(process.env.SEED ? [`-seed=${process.env.SEED}`] : []),
  ];
  const output = await start(name, target, [corpus, seeds], options);
  const found = readdirSync(findings).filter((file) => !before.has(file));
  const last = (pattern) => [...output.matchAll(pattern)].at(-1)?.[1] ?? '?';
  console.log(
    `${name}: ${last(/number_of_executed_units:\s+(\d+)/g)} inputs, coverage ${last(/ cov: (\d+)/g)}, ` +
      `corpus ${last(/ corp: (\d+)/g)}, slowest ${last(/slowest_unit_time_sec:\s+(\d+)/g)} s, ` +
      `peak ${last(/peak_rss_mb:\s+(\d+)/g)} MB, ${found.length} finding${found.length === 1 ? '' : 's'}`,
  );
  for (const file of found) {
    const where = path.relative(process.cwd(), path.join(findings, file));
    console.log(`  npm run fuzz -- ${name} ${where}   (once fixed, move it to fuzz/seeds/${name}/)`);
  }
}

/** Runs the fuzzer, or tries one input if `inputs` is a file. The output is shown if there is a finding. */
async function start(name, { instrument = [] }, inputs, options = []) {
  const cli = path.join(path.dirname(require.resolve('@jazzer.js/core')), 'cli.js');
  const includes = ['build/test/lib/', ...instrument].flatMap((part) => ['-i', part]);
  const args = [
    '-r',
    path.join(__dirname, 'fuzz-addon.js'),
    cli,
    path.join(built, 'entry.js'),
    ...inputs,
    ...includes,
    '-e',
    'nothing/',
    '--disableBugDetectors',
    '.*',
    '--timeout',
    `${HANG_SECONDS * 1000}`,
  ];
  const limits = [`-rss_limit_mb=${MEMORY_LIMIT / 2 ** 20}`, '-print_final_stats=1'];
  const child = spawn(process.execPath, [...args, '--', ...limits, ...options], {
    cwd: root,
    env: { ...process.env, FUZZ_TARGET: name },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('latin1').on('data', (text) => {
      output += text;
      if (process.env.VERBOSE) process.stderr.write(text);
    });
  }
  const [code, signal] = await new Promise((resolve, reject) => {
    child.on('error', reject).on('close', (...how) => resolve(how));
  });
  if (code === 0) return output;
  process.exitCode = 1;
  if (!process.env.VERBOSE) console.error(output.slice(-6000));
  console.error(`${name}: the fuzzer ended with ${signal ?? code}`);
  return output;
}

/** Escapes bytes for a dictionary of libFuzzer. */
function escaped(word) {
  return [...Buffer.from(word, 'latin1')].map((byte) => `\\x${byte.toString(16).padStart(2, '0')}`).join('');
}
