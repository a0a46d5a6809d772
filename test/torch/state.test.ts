import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { type Tensor, type TorchInput, TorchModule } from '../../lib/torch.js';
import { runNode } from '../support/run.js';
import { fixture } from '../support/paths.js';

const f32 = (...data: number[]): TorchInput => ({
  dtype: 'float32',
  shape: [data.length],
  data: Float32Array.from(data),
});
const numbers = (tensor: unknown): number[] => Array.from((tensor as Tensor<'float32'>).data);
const load = (name: string) => TorchModule.load(fixture(`models/${name}.pt`), { device: 'cpu' });
/** Replaces tensors by arrays, and objects without a prototype by plain ones. */
function plain(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(plain);
  if (value === null || typeof value !== 'object') return value;
  if ('dtype' in value) return numbers(value);
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, plain(inner)]));
}

describe('state of a module', () => {
  it('belongs to each load alone, as in Python', async () => {
    const [a, b] = [await load('stateful'), await load('stateful')];
    const got: number[] = [];
    for (const module of [a, a, b, b, a]) got.push(...numbers(await module.forward([f32(0)])));
    assert.deepEqual(got, [1, 2, 1, 2, 3]);
    await a.call('reset', []);
    assert.deepEqual(numbers(await a.forward([f32(0)])), [1]);
    assert.deepEqual(numbers(await b.forward([f32(0)])), [3]);
    using c = await load('stateful');
    assert.deepEqual(numbers(await c.forward([f32(0)])), [1], 'the state of the file, whatever other modules did');
    a.dispose();
    b.dispose();
  });

  it('may be of any kind: numbers, text, lists, dicts, tensors in them, views, buffers with two names', async () => {
    const [a, b] = [await load('stateful-all'), await load('stateful-all')];
    // The values of Python's torch.jit.load for two modules, called in the order a, a, b. n is also a buffer of the gate, which adds 1
    // in each call; steps belongs only to the gate.
    const first = [1, 0.5, 'a', [1], { x: [1] }, [[1]], [1], [0, 1], [2], [1]];
    const second = [2, 1, 'aa', [1, 2], { x: [2] }, [[2]], [2], [0, 2], [4], [2]];
    assert.deepEqual(plain(await a.call('everything', [])), first);
    assert.deepEqual(plain(await a.call('everything', [])), second);
    assert.deepEqual(plain(await b.call('everything', [])), first);
    assert.deepEqual(numbers(await a.call('look', [])), [2]);
    assert.deepEqual(numbers(await b.call('look', [])), [1]);
    using c = await load('stateful-all');
    assert.deepEqual(numbers(await c.call('look', [])), [0]);
    a.dispose();
    b.dispose();
  });

  it('includes weights that a method writes', async () => {
    const [a, b] = [await load('stateful-all'), await load('stateful-all')];
    assert.deepEqual(numbers(await a.call('scaled', [3])), [3]);
    assert.deepEqual(numbers(await a.call('scaled', [3])), [9]);
    assert.deepEqual(numbers(await b.call('scaled', [5])), [5]);
    a.dispose();
    b.dispose();
  });

  it('does not change the result of an earlier call', async () => {
    using a = await load('stateful-all');
    const results = [a.call('look', []), a.forward([f32(0)]), a.call('look', []), a.forward([f32(0)])];
    const [before, , between] = await Promise.all(results);
    assert.deepEqual(numbers(before), [0]);
    assert.ok([0, 1, 2].includes(numbers(between)[0]!));
    const kept = await a.call('look', []);
    await a.forward([f32(0)]);
    assert.deepEqual(numbers(kept), [2]);
  });

  it('keeps two voice activity detectors apart', async () => {
    const frame = (seed: number): TorchInput => ({
      dtype: 'float32',
      shape: [1, 16],
      data: Float32Array.from({ length: 16 }, (_, i) => Math.sin(seed * 7 + i)),
    });
    const alone: number[] = [];
    {
      using only = await load('stateful-voice');
      for (let i = 0; i < 6; i++) alone.push(...numbers(await only.forward([frame(i)])));
    }
    assert.equal(new Set(alone).size, 6, 'its output depends on the frames before');
    const streams = await Promise.all([0, 1, 2].map(() => load('stateful-voice')));
    const answers: number[][] = [[], [], []];
    for (let i = 0; i < 6; i++) {
      await Promise.all(
        streams.map(async (stream, k) => answers[k]!.push(...numbers(await stream.forward([frame(i)])))),
      );
    }
    assert.deepEqual(answers, [alone, alone, alone]);
    await streams[0]!.call('reset_states', []);
    assert.deepEqual(numbers(await streams[0]!.forward([frame(0)])), [alone[0]]);
    for (const stream of streams) stream.dispose();
  });

  it('is saved as the module has it', async () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'emotion2vec-'));
    try {
      const [a, b] = [await load('stateful-all'), await load('stateful-all')];
      for (let i = 0; i < 3; i++) await a.forward([f32(0)]);
      await a.save(path.join(folder, 'a.pt'));
      await b.save(path.join(folder, 'b.pt'));
      using savedA = await TorchModule.load(path.join(folder, 'a.pt'));
      using savedB = await TorchModule.load(path.join(folder, 'b.pt'));
      assert.deepEqual(numbers(await savedA.call('look', [])), [3]);
      assert.deepEqual(numbers(await savedB.call('look', [])), [0]);
      await savedA.call('everything', []);
      assert.deepEqual(numbers(await savedA.call('look', [])), [4], 'the buffer with two names is one buffer');
      a.dispose();
      b.dispose();
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('survives quantizing, which does not share it', async () => {
    const [a, b] = [await load('stateful-voice'), await load('stateful-voice')];
    const x: TorchInput = { dtype: 'float32', shape: [1, 16], data: new Float32Array(16).fill(0.5) };
    const [first] = numbers(await b.forward([x]));
    await a.forward([x]);
    await assert.rejects(a.quantize(), { code: 'ERR_QUANTIZE' }); // its only linear layer is too small
    const [second] = numbers(await b.forward([x]));
    assert.deepEqual(numbers(await a.forward([x])), [second]);
    assert.notEqual(first, second);
    a.dispose();
    b.dispose();
  });

  it('belongs to each worker thread alone', async () => {
    const code = `const { parentPort } = require('worker_threads'); const { TorchModule } = require('./dist/torch.js');
      const x = { dtype: 'float32', shape: [1], data: new Float32Array(1) };
      TorchModule.load('test/fixtures/models/stateful.pt').then(async (m) => { const got = [];
        for (let i = 0; i < 3; i++) got.push((await m.forward([x])).data[0]);
        parentPort.postMessage(got); });`;
    const { stdout, status } = await runNode([
      '-e',
      `const { Worker } = require('worker_threads'); const code = ${JSON.stringify(code)};
       const one = () => new Promise((resolve) => new Worker(code, { eval: true }).once('message', resolve));
       Promise.all([one(), one()]).then((all) => console.log(JSON.stringify(all)));`,
    ]);
    assert.deepEqual({ stdout: stdout.trim(), status }, { stdout: '[[1,2,3],[1,2,3]]', status: 0 });
  });
});
