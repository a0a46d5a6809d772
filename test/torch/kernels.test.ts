import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { type Tensor } from '../../lib/torch.js';
import { apart, coded, exact, type Floats, floats, linears, relative } from '../support/linears.js';
import { rows, supports, tensorsOf, using } from '../support/linears.js';
import { runNode } from '../support/run.js';

/** Maximum difference for numbers of size 1, because kernels and libtorch add in different orders. */
const ROUNDING = 1e-5;
/** Maximum relative error with eight or seven bits for each factor (see test/torch/quantize.test.ts). */
const INT8_ERROR = 0.03;

const OUTPUTS = 135;
const INPUTS = 150;

/** Rows of all kinds: normal numbers, far from zero on either side, zeros, constant, huge, tiny. */
function mixedRows(): Floats {
  const x = floats([8, INPUTS], 5);
  const change = [
    (v: number) => v,
    (v: number) => v + 10,
    (v: number) => v - 3,
    () => 0,
    () => 2.5,
    (v: number) => v * 1e20,
    (v: number) => v * 1e-20,
    (v: number) => Math.abs(v),
  ];
  return { ...x, data: x.data.map((v, i) => change[Math.floor(i / INPUTS)]!(v)) };
}

/**
 * An independent implementation of int8. Each output has a scale that makes its largest weight 127. Each row of inputs has a scale
 * that divides its range, which includes 0, into `levels` steps, one of which is 0.
 */
function reference(x: Floats, weight: Floats, bias: Floats, levels: number): Float64Array {
  const count = x.data.length / INPUTS;
  const out = new Float64Array(count * OUTPUTS);
  const even = (v: number): number => (Math.abs(v % 1) === 0.5 ? 2 * Math.round(v / 2) : Math.round(v));
  const integers = new Float64Array(weight.data.length);
  const steps = Float64Array.from({ length: OUTPUTS }, (_, n) => {
    const row = weight.data.subarray(n * INPUTS, (n + 1) * INPUTS);
    const step = Math.fround(row.reduce((most, v) => Math.max(most, Math.abs(v)), 0) / 127);
    row.forEach((v, k) => (integers[n * INPUTS + k] = even(Math.fround(v / step))));
    return step;
  });
  for (let m = 0; m < count; m++) {
    const row = x.data.subarray(m * INPUTS, (m + 1) * INPUTS);
    const low = Math.min(0, ...row);
    const step = Math.fround((Math.max(0, ...row) - low) / levels);
    const zero = step === 0 ? 0 : even(-low / step);
    const bytes = row.map((v) => (step === 0 ? 0 : Math.min(levels, Math.max(0, even(v / step) + zero)) - zero));
    for (let n = 0; n < OUTPUTS; n++) {
      let sum = 0;
      for (let k = 0; k < INPUTS; k++) sum += bytes[k]! * integers[n * INPUTS + k]!;
      out[m * OUTPUTS + n] = sum * step * steps[n]! + bias.data[n]!;
    }
  }
  return out;
}

describe('kernels', () => {
  let int8: boolean;
  before(async () => {
    int8 = await supports('int8');
  });

  describe('int8', () => {
    before(function () {
      if (!int8) this.skip();
    });

    it('rows do not depend on each other, whatever the number of dimensions', async () => {
      await using(
        linears('one'),
        async (module) => {
          const x = floats([71, INPUTS]);
          const batch = tensorsOf(await module.forward([x]));
          for (let i = 0; i < 71; i++) {
            const alone = tensorsOf(await module.forward([rows(x, i)]));
            assert.deepEqual(
              alone,
              batch.map((output) => rows(output, i)),
            );
          }
          for (const [first, last] of [
            [3, 4],
            [1, 34],
            [30, 70],
          ] as const) {
            assert.deepEqual(
              tensorsOf(await module.forward([rows(x, first, last)])),
              batch.map((output) => rows(output, first, last)),
            );
          }
          const solid = { ...rows(x, 0, 70), shape: [2, 5, 7, INPUTS] };
          tensorsOf(await module.forward([solid])).forEach((output, i) => {
            assert.deepEqual(output.shape, [2, 5, 7, OUTPUTS]);
            assert.deepEqual(output.data, rows(batch[i]!, 0, 70).data);
          });
        },
        'int8',
      );
      await using(
        linears('branches'),
        async (module) => {
          const x = floats([40, 30]);
          const batch = (await module.forward([x, 3])) as Floats;
          for (let i = 0; i < 40; i++) assert.deepEqual(await module.forward([rows(x, i), 3]), rows(batch, i));
        },
        'int8',
      );
    });

    for (const value of [NaN, Infinity, -Infinity]) {
      it(`${value} in a row makes that row NaN and no other`, async () => {
        await using(
          linears('one'),
          async (module) => {
            const x = floats([40, INPUTS]);
            const good = tensorsOf(await module.forward([x]));
            // In a full vector, and in the rest of a row after the last full one.
            for (const [row, column] of [
              [0, 3],
              [17, INPUTS - 1],
              [39, 64],
            ] as const) {
              x.data[row * INPUTS + column] = value;
              tensorsOf(await module.forward([x])).forEach((output, i) => {
                for (let m = 0; m < 40; m++) {
                  const { data } = rows(output, m);
                  if (m === row) assert.ok(data.every(Number.isNaN), `row ${m}: ${data.subarray(0, 4).join()}`);
                  else assert.deepEqual(data, rows(good[i]!, m).data, `row ${m}`);
                }
              });
              x.data.set(rows(floats([40, INPUTS]), row).data, row * INPUTS);
            }
          },
          'int8',
        );
      });
    }
  });

  it('norms refuse a weight of another size, as libtorch does', async () => {
    await using(linears('norms'), async (module) => {
      const pair = [floats([3, 2, 37]), floats([3, 2, 37], 2)];
      await module.forward([...pair, floats([37])]);
      for (const shape of [[36], [1], [38], [37, 1]]) {
        await assert.rejects(module.forward([...pair, floats(shape)]), coded('ERR_MODEL_RUN'), shape.join());
      }
    });
  });

  describe('of each instruction set', () => {
    const x = mixedRows();
    const network = floats([5, 17]);
    const pair = [floats([3, 2, 37]), floats([3, 2, 37], 2)];
    let folder: string;
    let archive: string;
    let weights: Floats[];
    let expected: unknown;
    before(async () => {
      folder = mkdtempSync(path.join(tmpdir(), 'emotion2vec-kernels-'));
      archive = path.join(folder, 'int8.pt');
      weights = tensorsOf(await using(linears('one'), (module) => module.call('weight_and_bias', [])));
      expected = await exact(linears('mlp'), [network]);
      if (!int8) return;
      await using(linears('mlp'), (module) => module.save(archive), 'int8');
    });
    after(() => rmSync(folder, { recursive: true }));

    /** Runs everything in a separate process, because a process chooses its kernels once. */
    async function run(set: string): Promise<Record<string, unknown>> {
      const plain = (tensor: Floats) => ({ ...tensor, data: [...tensor.data] });
      const script = `
        const { TorchModule } = require(${JSON.stringify(path.join(__dirname, '../../lib/torch.js'))});
        const tensor = (t) => ({ ...t, data: Float32Array.from(t.data) });
        const given = ${JSON.stringify({ x: plain(x), network: plain(network), pair: pair.map(plain) })};
        const load = (file, precision, use) =>
          TorchModule.load(file, { precision }).then(use).catch((error) => ({ code: error.code ?? String(error) }));
        (async () => {
          const files = ${JSON.stringify({ ...Object.fromEntries(['mlp', 'one', 'norms'].map((n) => [n, linears(n)])), archive })};
          const network = [tensor(given.network)], pair = given.pair.map(tensor);
          const results = {
            fp32: await load(files.mlp, 'fp32', (m) => m.forward(network)),
            mlp: await load(files.mlp, 'int8', (m) => m.forward(network)),
            archive: await load(files.archive, 'auto', (m) => m.forward(network)),
            one: await load(files.one, 'int8', (m) => m.forward([tensor(given.x)])),
            norms: await load(files.norms, 'auto', async (m) => [(await m.forward(pair))[1], await m.call('plain', pair)]),
          };
          results.gelu = await load(files.one, 'fp32', (m) => results.one.code ?? m.call('gelu', [results.one[0]]));
          const typed = (_, value) => value instanceof Float32Array ? [...value] : value;
          console.log(JSON.stringify(results, typed));
        })();`;
      const { status, signal, stdout, stderr } = await runNode(['-e', script], { EMOTION2VEC_ISA: set });
      assert.deepEqual({ status, signal, stderr }, { status: 0, signal: null, stderr: '' });
      return JSON.parse(stdout) as Record<string, unknown>;
    }

    for (const set of ['baseline', 'avx2', 'avx512', 'amx']) {
      it(`agree with libtorch and with what int8 means: ${set}`, async () => {
        const results = await run(set);
        assert.ok(apart(results.fp32, expected) < ROUNDING, `fp32: ${apart(results.fp32, expected)}`);

        const [ours, libtorch] = (results.norms as [unknown, unknown]).map(tensorsOf);
        assert.equal(ours!.length, 15);
        ours!.forEach((norm, i) => {
          assert.deepEqual(norm.shape, libtorch![i]!.shape);
          const furthest = norm.data.reduce((most, v, j) => Math.max(most, Math.abs(v - libtorch![i]!.data[j]!)), 0);
          assert.ok(furthest < ROUNDING, `norm ${i}: ${furthest}`);
        });

        if (set === 'baseline' || !int8) {
          const refused = { code: 'ERR_PRECISION_UNSUPPORTED' };
          assert.deepEqual([results.mlp, results.one], [refused, refused]);
          // An int8 archive is a plain module, which runs on any processor, although slowly.
          if (int8) assert.ok(apart(results.archive, expected) < INT8_ERROR);
          return;
        }
        assert.ok(apart(results.mlp, expected) < INT8_ERROR, `int8: ${apart(results.mlp, expected)}`);
        assert.deepEqual(results.archive, results.mlp);

        const [output, activated] = tensorsOf(results.one);
        assert.deepEqual(output!.shape, [8, OUTPUTS]);
        const references = [255, 127].map((levels) => reference(x, weights[0]!, weights[1]!, levels));
        for (let m = 0; m < 8; m++) {
          const errors = references.map((all) =>
            relative(rows(output!, m).data, all.subarray(m * OUTPUTS, (m + 1) * OUTPUTS)),
          );
          // Except for AVX2, the processor determines which of the two an instruction set computes.
          const error = set === 'avx2' ? errors[1]! : Math.min(...errors);
          assert.ok(error < ROUNDING, `row ${m}: ${errors.join()}`);
        }
        const gelu = results.gelu as Tensor<'float32'>;
        for (const m of [0, 1, 2, 3, 4, 6, 7]) {
          const [a, b] = [rows(activated!, m).data, rows(gelu, m).data];
          const size = Math.max(1, ...rows(output!, m).data.map(Math.abs));
          a.forEach((v, n) => assert.ok(Math.abs(v - b[n]!) < 1e-6 * size, `GELU of row ${m}: ${v}, ${b[n]}`));
        }
      });
    }
  });

  it('of a set that does not exist is the least', async () => {
    const script = `
      const { TorchModule } = require(${JSON.stringify(path.join(__dirname, '../../lib/torch.js'))});
      TorchModule.load(${JSON.stringify(linears('one'))}, { precision: 'int8' }).catch((error) => console.log(error.code));`;
    const { stdout } = await runNode(['-e', script], { EMOTION2VEC_ISA: 'mmx' });
    assert.equal(stdout, 'ERR_PRECISION_UNSUPPORTED\n');
  });
});
