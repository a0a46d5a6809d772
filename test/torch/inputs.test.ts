import assert from 'node:assert/strict';

import { type Tensor, type TorchInput, TorchModule } from '../../lib/torch.js';
import { inChild } from '../support/in-child.js';
import { fixture } from '../support/paths.js';

const f32 = (...data: number[]): TorchInput => ({
  dtype: 'float32',
  shape: [data.length],
  data: Float32Array.from(data),
});

describe('inputs that run code', () => {
  const TYPES = `const load = () => TorchModule.load('test/fixtures/models/types.pt', { device: 'cpu' });
    const f32 = (shape, data) => ({ dtype: 'float32', shape, data });
    const attempt = async (run) => { try { const r = await run(); return r?.shape ? [...r.data] : 'ok'; } catch (error) { return error.code ?? error.constructor.name; } };`;

  it('may dispose, quantize, save, call again and throw', async () => {
    const printed = await inChild(
      {},
      `${TYPES}
       const acts = {
         dispose: (m) => m.dispose(),
         quantize: (m) => void m.quantize().catch(() => 0),
         save: (m) => void m.save('/nowhere/x').catch(() => 0),
         call: (m) => void m.call('echo', [f32([1], Float32Array.of(9))]).catch(() => 0),
         throw: () => { throw new RangeError('mine'); },
       };
       const results = {};
       for (const [name, act] of Object.entries(acts)) {
         const inputs = (m) => [
           { get dtype() { act(m); return 'float32'; }, shape: [1], data: Float32Array.of(1) },
           { dtype: 'float32', get shape() { act(m); return [1]; }, data: Float32Array.of(1) },
           { dtype: 'float32', shape: [1], get data() { act(m); return Float32Array.of(1); } },
           new Proxy(f32([1], Float32Array.of(1)), { get: (t, k) => (act(m), t[k]), has: (t, k) => (act(m), k in t) }),
           { dtype: 'float32', shape: Object.defineProperty([1], 0, { get: () => (act(m), 1) }), data: Float32Array.of(1) },
         ];
         results[name] = [];
         for (let i = 0; i < 5; i++) {
           const m = await load();
           results[name].push(await attempt(() => m.call('echo', [inputs(m)[i]])));
           m.dispose();
         }
       }
       print(results);
       const m = await load();
       const list = Object.defineProperty([f32([1], Float32Array.of(1)), 0], 1, { get() { m.dispose(); return f32([1], Float32Array.of(1)); } });
       print(await attempt(() => m.call('tensors', [list])));
       const dict = await load();
       print(await attempt(() => dict.call('by_name', [{ get a() { dict.dispose(); return f32([1], Float32Array.of(1)); } }])));
       const map = new (class extends Map { *[Symbol.iterator]() { yield 5; } })();
       print(await attempt(async () => (await load()).call('by_number', [map])));
       const saved = await load();
       print(await attempt(() => saved.save('/nowhere/x', { extraFiles: { a: { toString() { saved.dispose(); return 'x'; } } } })));
       const keep = await load();
       print(await attempt(() => keep.call('echo', [f32([1], Float32Array.of(1))], { keep: [{ valueOf() { keep.dispose(); return 0; } }] })));`,
    );
    const ones = Array<number[]>(5).fill([1]);
    assert.deepEqual(printed[0], {
      dispose: ones,
      quantize: ones,
      save: ones,
      call: ones,
      throw: Array<string>(5).fill('ERR_MODEL_RUN'),
    });
    assert.deepEqual(printed.slice(1, 4), ['ok', 'ok', 'TypeError']);
    assert.equal(printed.length, 6);
  });

  it('may detach, shrink and grow their data', async () => {
    const printed = await inChild(
      {},
      `${TYPES}
       const m = await load();
       const detach = (data) => structuredClone(data.buffer, { transfer: [data.buffer] });
       const resizable = () => new ArrayBuffer(16, { maxByteLength: 4096 });
       const gone = Float32Array.of(1, 2); detach(gone);
       print(await attempt(() => m.call('echo', [f32([2], gone)])));
       const late = Float32Array.of(1, 2);
       print(await attempt(() => m.call('echo', [{ dtype: 'float32', get shape() { detach(late); return [2]; }, data: late }])));
       const shrinks = resizable();
       print(await attempt(() => m.call('echo', [{ dtype: 'float32', get shape() { shrinks.resize(4); return [4]; }, data: new Float32Array(shrinks) }])));
       const outside = resizable(); const view = new Float32Array(outside, 8, 2); outside.resize(4);
       print(await attempt(() => m.call('echo', [f32([2], view)])));
       const grows = resizable(); const all = new Float32Array(grows); grows.resize(20);
       print(await attempt(() => m.call('echo', [f32([5], all)])));
       const shared = new Float32Array(new SharedArrayBuffer(8)); shared[1] = 3;
       print(await attempt(() => m.call('echo', [f32([2], shared)])));
       let reads = 0;
       print(await attempt(() => m.call('echo', [{ dtype: 'float32', get shape() { return reads++ === 0 ? [1] : [1e9]; }, data: Float32Array.of(1) }])));
       const flags = new Uint8Array(new SharedArrayBuffer(2)); flags[0] = 7;
       print(await attempt(() => m.call('echo', [{ dtype: 'bool', shape: [2], data: flags }])));`,
    );
    assert.deepEqual(printed, [
      'TypeError',
      'TypeError',
      'TypeError',
      'TypeError',
      [0, 0, 0, 0, 0],
      [0, 3],
      [1],
      [1, 0],
    ]);
  });

  it('may be deep, cyclic, sparse, huge and inconsistent', async () => {
    const module = await TorchModule.load(fixture('models/types.pt'), { device: 'cpu' });
    let deep: unknown[] = [];
    for (let i = 0; i < 100_000; i++) deep = [deep];
    const cyclic: unknown[] = [];
    cyclic.push(cyclic);
    const self: Record<string, unknown> = {};
    self.self = self;
    const wrong: [string, unknown[]][] = [
      ['echo', [deep]],
      ['tensors', [deep]],
      ['nested', [deep]],
      ['tensors', [cyclic]],
      ['by_name', [self]],
      ['tensors', [new Array(4294967295)]],
      ['tensors', [new Array(3)]],
      ['echo', [{ dtype: 'float32', shape: new Array(1e6).fill(1), data: Float32Array.of(1) }]],
      ['echo', [{ dtype: 'float32', shape: [2 ** 53, 0], data: Float32Array.of(1) }]],
      ['echo', [{ dtype: 'float32', shape: [1n], data: Float32Array.of(1) }]],
      ['echo', [{ dtype: 'float32', shape: [NaN], data: Float32Array.of(1) }]],
      ['echo', [{ dtype: 'float32', shape: { length: 1, 0: 1 }, data: Float32Array.of(1) }]],
      ['echo', [{ dtype: 'float32', shape: [4], data: new DataView(new ArrayBuffer(16)) }]],
      ['echo', [Symbol('x')]],
      ['echo', [() => 1]],
      ['scalars', [2n ** 64n, 1, true, '']],
      ['scalars', [1, '1', true, '']],
      ['by_name', [new Map([[Symbol('x'), f32(1)]])]],
      ['by_number', [new Map([[{}, 1]])]],
    ];
    for (const [method, inputs] of wrong) {
      await assert.rejects(
        module.call(method, inputs as TorchInput[]),
        (error: Error) => error instanceof TypeError && error.message.length < 500,
        `${method} ${typeof inputs[0]}`,
      );
    }
    assert.equal(await module.call('nothing', new Proxy([], {})), null);
    await assert.rejects(module.call('nothing', new Array(1e5)), TypeError);
    module.dispose();
  });

  it('accept a NamedTuple by its fields or as an array', async () => {
    const module = await TorchModule.load(fixture('models/namedtuple_in.pt'), { device: 'cpu' });
    const two = [2];
    const data = (result: unknown) => Array.from((result as Tensor<'float32'>).data);
    assert.deepEqual(data(await module.forward([{ logits: f32(1), hidden: null }])), two);
    assert.deepEqual(data(await module.forward([{ logits: f32(1), hidden: f32(5) }])), two);
    assert.deepEqual(data(await module.forward([{ logits: f32(1) }])), two);
    assert.deepEqual(data(await module.forward([[f32(1), null]])), two);
    for (const wrong of [{ hidden: null }, { logits: f32(1), hiden: null }, [], [f32(1), null, null], 5, 'x']) {
      await assert.rejects(module.forward([wrong]), TypeError);
    }
    module.dispose();
  });
});
