import assert from 'node:assert/strict';

import { runNode } from '../support/run.js';

const WAIT = { EMOTION2VEC_EXIT_WAIT_MS: '200' };
const HEAD = `const { TorchModule } = require('./dist/torch.js');
  const x = { dtype: 'float32', shape: [1], data: new Float32Array(1) };
  const endless = () => TorchModule.load('test/fixtures/models/endless.pt', { device: 'cpu', threads: 1 });`;
const LINE = /^emotion2vec-node: a model is still running 200 ms after .*cannot be interrupted.*\n$/;

describe('a run without end', () => {
  const ends: [string, string, number][] = [
    ['process.exit()', 'process.exit(7)', 7],
    ['process.exit() with process.exitCode', 'process.exitCode = 9; process.exit()', 9],
    [
      'an uncaught error',
      "process.once('uncaughtException', () => process.exit(5)); setImmediate(() => { throw new Error('x'); })",
      5,
    ],
    ['abort, with nothing else to do', 'process.exitCode = 6; controller.abort()', 6],
  ];
  for (const [name, end, expected] of ends) {
    it(`does not keep the process from ending by ${name}`, async () => {
      const { status, signal, stderr } = await runNode(
        [
          '-e',
          `${HEAD} const controller = new AbortController();
           endless().then((m) => { m.forward([x], { signal: controller.signal }).catch(() => 0); setTimeout(() => { ${end} }, 100); });`,
        ],
        WAIT,
      );
      assert.deepEqual({ status, signal }, { status: expected, signal: null });
      assert.match(stderr, LINE);
    });
  }

  it('in a worker lets terminate() return and the process end', async () => {
    const { status, signal, stdout, stderr } = await runNode(
      [
        '-e',
        `const { Worker } = require('worker_threads');
         const code = ${JSON.stringify(`${HEAD} endless().then((m) => { m.forward([x]); require('worker_threads').parentPort.postMessage(0); });`)};
         const w = new Worker(code, { eval: true });
         w.once('message', () => setTimeout(async () => {
           await w.terminate();
           process.exitCode = 3;
           console.log('terminated');
         }, 100));`,
      ],
      WAIT,
    );
    assert.deepEqual({ status, signal, stdout }, { status: 3, signal: null, stdout: 'terminated\n' });
    assert.match(stderr, LINE);
  });

  it('prints nothing where every run ends in time', async () => {
    const { status, stderr } = await runNode([
      '-e',
      `${HEAD} TorchModule.load('test/fixtures/models/types.pt').then((m) => { m.call('slow', [50]); process.exit(4); });`,
    ]);
    assert.deepEqual({ status, stderr }, { status: 4, stderr: '' });
  });
});
