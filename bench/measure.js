// Measures the contestants. They alternate in each round, so that noise of the machine affects them alike; results are medians.
'use strict';
const { statSync } = require('node:fs');
const { setTimeout: sleep } = require('node:timers/promises');
const { ContestantProcess } = require('./contestants/process.js');

const COLD_SECONDS = 3;
const IN_FLIGHT = 8;
/** Pause between two measurements, until the threads of the last contestant sleep. */
const PAUSE_MS = 200;

/**
 * @returns an entry for each contestant: { name, kind, ours, version, fileBytes, cold: { firstMs, loadMs, peakBytes },
 *   warm: [{ seconds, ms }], clipsPerSecond }; `clipsPerSecond` is missing where a contestant runs one clip at a time
 */
async function measure(contestants, inputs, settings, progress) {
  const { lengths, rounds, coldRounds, floodRounds, floodSeconds } = settings;
  const short = await inputs.clip(COLD_SECONDS);
  const able = await ableOf(contestants, short, progress);
  const cold = await alternate(able, coldRounds, (contestant) => start(contestant, short), progress, 'cold start');
  const processes = new Map();
  try {
    for (const contestant of able) processes.set(contestant, new ContestantProcess(contestant));
    for (const running of processes.values()) await running.ready;
    const warm = new Map(able.map((contestant) => [contestant, []]));
    for (const seconds of lengths) {
      const clip = await inputs.clip(seconds);
      const ask = (contestant) => processes.get(contestant).ask({ clip });
      for (const contestant of able) await ask(contestant);
      const times = await alternate(able, rounds, ask, progress, `clip of ${seconds} s`);
      for (const contestant of able) warm.get(contestant).push({ seconds, ms: medianOf(times.get(contestant), 'ms') });
    }
    const concurrent = able.filter((contestant) => contestant.concurrent);
    const request = { clip: short, inFlight: IN_FLIGHT, seconds: floodSeconds };
    const flood = async (contestant) => {
      const { clips, ms } = await processes.get(contestant).ask(request);
      return { rate: (1000 * clips) / ms };
    };
    const rates = await alternate(concurrent, floodRounds, flood, progress, `${IN_FLIGHT} in flight`);
    return able.map((contestant) => ({
      name: contestant.name,
      kind: contestant.kind,
      ours: contestant.ours,
      version: cold.get(contestant)[0].version,
      fileBytes: statSync(contestant.options.model).size,
      cold: Object.fromEntries(
        ['firstMs', 'loadMs', 'peakBytes'].map((key) => [key, medianOf(cold.get(contestant), key)]),
      ),
      warm: warm.get(contestant),
      ...(contestant.concurrent && { clipsPerSecond: medianOf(rates.get(contestant), 'rate') }),
    }));
  } finally {
    for (const running of processes.values()) await running.close();
  }
}

/** Returns the contestants that this processor can run. Afterwards their files are in the page cache. */
async function ableOf(contestants, clip, progress) {
  const able = [];
  for (const contestant of contestants) {
    try {
      await start(contestant, clip);
      able.push(contestant);
    } catch (error) {
      if (error.code !== 'ERR_PRECISION_UNSUPPORTED') throw error;
      progress(`skipped: ${error.message}`);
    }
  }
  return able;
}

/**
 * Measures a new process from its start to its first result. The part of the first result that a second clip does not need counts
 * as loading.
 */
async function start(contestant, clip) {
  const begin = performance.now();
  const running = new ContestantProcess(contestant);
  try {
    const [{ loadMs, version }, first] = await Promise.all([running.ready, running.ask({ clip })]);
    const firstMs = performance.now() - begin;
    const { peakBytes } = await running.ask({ memory: true });
    const second = await running.ask({ clip });
    return { firstMs, loadMs: loadMs + first.ms - second.ms, peakBytes, version };
  } finally {
    await running.close();
  }
}

/** Returns a list of `rounds` measurements for each contestant. */
async function alternate(contestants, rounds, take, progress, what) {
  const taken = new Map(contestants.map((contestant) => [contestant, []]));
  for (let round = 1; round <= rounds; round++) {
    progress(`${what}, round ${round} of ${rounds}`);
    for (const contestant of contestants) {
      await sleep(PAUSE_MS);
      taken.get(contestant).push(await take(contestant));
    }
  }
  return taken;
}

function medianOf(measurements, key) {
  const values = measurements.map((measurement) => measurement[key]).sort((a, b) => a - b);
  return (values[(values.length - 1) >> 1] + values[values.length >> 1]) / 2;
}

module.exports = { measure, COLD_SECONDS, IN_FLIGHT };
