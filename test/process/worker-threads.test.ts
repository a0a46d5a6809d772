import assert from 'node:assert/strict';

import { runNode } from '../support/run.js';

/** Runs a script in a separate process, and returns the JSON value that it prints. */
async function run<T>(script: string): Promise<T> {
  const { stdout, stderr, status, signal } = await runNode(['-e', script]);
  assert.deepEqual({ stderr, status, signal }, { stderr: '', status: 0, signal: null });
  return JSON.parse(stdout) as T;
}

const HEAD = `const { Worker, isMainThread, parentPort, workerData } = require('worker_threads');
  const { EmotionRecognizer } = require('./dist');
  const { TorchModule } = require('./dist/torch.js');
  const weights = () => Number(/Rss:\\s+(\\d+)/.exec(require('fs').readFileSync('/proc/self/smaps_rollup', 'utf8'))[1]) * 1024;`;

describe('worker threads', () => {
  it('share one set of weights, where eight of them load the same model', async () => {
    const { empty, loaded } = await run<{ empty: number; loaded: number }>(`${HEAD}
      const input = "[{ dtype: 'float32', shape: [1, 16000], data: new Float32Array(16000) }, { dtype: 'int64', shape: [1], data: BigInt64Array.of(16000n) }]";
      const head = "const { parentPort } = require('worker_threads'); const { TorchModule } = require('./dist/torch.js'); setInterval(() => 0, 1e6);";
      const load = "TorchModule.load('models/small-en-de.pt', { threads: 1 }).then((m) => { globalThis.m = m; return m.forward(" + input + "); }).then(() => parentPort.postMessage(0));";
      const start = (code) => new Promise((resolve) => { const w = new Worker(head + code, { eval: true }); w.once('message', () => resolve(w)); });
      (async () => {
        const all = [await start(load)];
        const grow = async (code) => { const before = weights(); for (let i = 0; i < 7; i++) all.push(await start(code)); return (weights() - before) / 7; };
        const loaded = await grow(load);
        const empty = await grow('parentPort.postMessage(0);');
        await Promise.all(all.map((w) => w.terminate()));
        console.log(JSON.stringify({ empty, loaded }));
      })();`);
    // The JavaScript heap of a worker takes 5 to 15 MB, with or without a model. A copy of the weights would add 6.6.
    assert.ok(
      loaded - empty < 4e6,
      `${(loaded / 1e6).toFixed(1)} MB a worker, ${(empty / 1e6).toFixed(1)} without a model`,
    );
  });

  it('give the same results as the main thread, all at once', async () => {
    const results = await run<string[]>(`${HEAD}
      const code = ${JSON.stringify(`const { EmotionRecognizer } = require('./dist'); const { parentPort } = require('worker_threads');
        const r = new EmotionRecognizer();
        Promise.all(Array.from({ length: 10 }, () => r.recognize('test/fixtures/speech.wav'))).then((all) => { for (const x of all) parentPort.postMessage(JSON.stringify(x.scores)); });`)};
      const one = () => new Promise((resolve) => { const scores = []; new Worker(code, { eval: true }).on('message', (m) => scores.push(m)).on('exit', () => resolve(scores)); });
      (async () => {
        const main = new EmotionRecognizer().recognize('test/fixtures/speech.wav');
        const all = (await Promise.all([one(), one(), one(), one()])).flat();
        console.log(JSON.stringify([all.length, ...new Set([...all, JSON.stringify((await main).scores)])]));
      })();`);
    assert.equal(results[0], 40);
    assert.equal(results.length, 2, 'all the same');
  });

  it('may be terminated at any moment, and others continue', async () => {
    const { rounds, emotion } = await run<{ rounds: number; emotion: string }>(`${HEAD}
      const code = ${JSON.stringify(`const { EmotionRecognizer } = require('./dist'); const r = new EmotionRecognizer();
        for (let i = 0; i < 8; i++) r.recognize(i % 2 ? 'test/fixtures/speech.mp3' : { samples: new Float32Array(16000 * 20), sampleRate: 16000 });`)};
      (async () => {
        const r = new EmotionRecognizer();
        let rounds = 0;
        for (let ms = 0; ms < 400; ms += 20) {
          const workers = [new Worker(code, { eval: true }), new Worker(code, { eval: true })];
          await new Promise((resolve) => setTimeout(resolve, ms));
          await Promise.all(workers.map((w) => w.terminate()));
          rounds++;
        }
        console.log(JSON.stringify({ rounds, emotion: (await r.recognize('test/fixtures/speech.wav')).emotion }));
      })();`);
    assert.deepEqual([rounds, typeof emotion], [20, 'string']);
  });
});

describe('cluster', () => {
  it('runs four processes, which end on request', async () => {
    const script = `const cluster = require('cluster');
      if (cluster.isPrimary) {
        const scores = [];
        for (let i = 0; i < 4; i++) cluster.fork().on('message', (m) => { scores.push(m); if (scores.length === 4) cluster.disconnect(); });
        const codes = [];
        cluster.on('exit', (w, code, signal) => { codes.push(signal ?? code); if (codes.length === 4) console.log(JSON.stringify([new Set(scores).size, ...codes])); });
      } else {
        const { EmotionRecognizer } = require('./dist');
        const r = new EmotionRecognizer({ threads: 1 });
        r.recognize('test/fixtures/speech.wav').then((x) => process.send(JSON.stringify(x.scores)));
        process.on('disconnect', () => r.close());
      }`;
    const file = `${process.cwd()}/build/cluster-test.js`;
    const { writeFileSync, rmSync } = await import('node:fs');
    writeFileSync(file, script.replaceAll("'./dist'", "'../dist'"));
    const { stdout, stderr, status } = await runNode([file]);
    rmSync(file);
    assert.deepEqual({ stdout, stderr, status }, { stdout: '[1,0,0,0,0]\n', stderr: '', status: 0 });
  });
});
