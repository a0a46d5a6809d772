import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { copyFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { type QuantizeReport, type TorchInput, TorchModule } from '../../lib/torch.js';
import { endsWithTest } from '../support/children.js';
import { apart, coded, exact, floats, linears, supports, tensorsOf, using } from '../support/linears.js';
import { fixture } from '../support/paths.js';

/**
 * Maximum relative error of an output vector. A step is 1/255 of the range of a row of inputs, and 1/254 of the range of the weights
 * of an output. With normally distributed numbers, each adds about 0.5 %, and three layers a little more. Without VNNI, inputs have
 * seven bits, and the error doubles.
 */
const INT8_ERROR = 0.03;
/** bfloat16 has eight bits of mantissa, which is an error of at most 2^-9 for each factor, and much less on average. */
const BF16_ERROR = 0.01;

const MODELS: [string, TorchInput[], Partial<QuantizeReport>][] = [
  ['mlp', [floats([5, 17])], { convertedLayers: 3 }],
  ['mlp', [floats([17])], { convertedLayers: 3 }],
  ['mlp', [floats([2, 3, 17])], { convertedLayers: 3 }],
  ['traced', [floats([5, 17])], { convertedLayers: 3 }],
  ['frozen', [floats([5, 17])], { convertedLayers: 3 }],
  ['one', [floats([4, 150])], { convertedLayers: 1 }],
  ['products', [floats([6, 20])], { convertedLayers: 2 }],
  ...[0, 1, 2, 3, 4].map((form): (typeof MODELS)[number] => ['residuals', [floats([2, 3, 20]), form], {}]),
  ['counts', [floats([2, 3, 35])], { convertedLayers: 1 }],
  ['sharing', [floats([3, 24])], { convertedLayers: 3 }],
  ...[1, 3].map((rounds): (typeof MODELS)[number] => ['branches', [floats([4, 30]), rounds], { convertedLayers: 3 }]),
  ['forked', [floats([4, 30])], { convertedLayers: 1 }],
  ['writers', [floats([3, 20])], { convertedLayers: 1 }],
  ['in-place', [floats([3, 20])], { convertedLayers: 1 }],
  ['hooked', [floats([3, 20])], { convertedLayers: 2 }], // a hook uses one of them too
  ['small', [floats([3, 30])], { convertedLayers: 1, unchangedLayers: 3 }], // another layer of the same type is too small
  ['deep', [floats([3, 20])], {}],
  ['convolution', [floats([2, 40, 20])], { convertedLayers: 2 }],
  ['convolution', [floats([40, 20])], { convertedLayers: 2 }],
  ['convolution', [floats([0, 40, 20])], { convertedLayers: 2 }],
];

describe('quantize', () => {
  let folder: string;
  const supported = { int8: false, bf16: false };
  before(async () => {
    folder = mkdtempSync(path.join(tmpdir(), 'emotion2vec-quantize-'));
    supported.int8 = await supports('int8');
    supported.bf16 = await supports('bf16');
  });
  after(() => rmSync(folder, { recursive: true }));

  for (const precision of ['int8', 'bf16'] as const) {
    const bound = precision === 'int8' ? INT8_ERROR : BF16_ERROR;
    describe(precision, () => {
      before(function () {
        if (!supported[precision]) {
          console.log(`      ${precision} is not available on this processor`);
          this.skip();
        }
      });

      for (const [name, inputs, counts] of MODELS) {
        const what = inputs.map((input) => (typeof input === 'number' ? input : (input as { shape: number[] }).shape));
        it(`is close to fp32: ${name} of ${what.join(' and ')}`, async () => {
          const expected = await exact(linears(name), inputs);
          const loaded = await using(linears(name), (module) => module.forward(inputs), precision);
          assert.ok(apart(loaded, expected) < bound, `${apart(loaded, expected)}`);
          await using(linears(name), async (module) => {
            const report = await module.quantize({ precision });
            assert.equal(module.precision, precision);
            assert.deepEqual(await module.forward(inputs), loaded);
            const file = path.join(folder, `${name}.pt`);
            await module.save(file);
            await using(file, async (copy) => {
              assert.equal(copy.precision, precision);
              assert.deepEqual(await copy.forward(inputs), loaded);
            });
            assert.ok(report.convertedParameters <= report.parameters, JSON.stringify(report));
            assert.ok(report.bytesAfter < report.bytesBefore, JSON.stringify(report));
            assert.deepEqual({ ...report, ...counts }, report);
          });
        });
      }

      it('leaves a frozen matrix that may not be a weight, such as a filter bank, as it is', async () => {
        const inputs = [floats([6, 20])];
        await using(linears('frozen-products'), async (module) => {
          const expected = await module.forward(inputs);
          await assert.rejects(module.quantize({ precision }), coded('ERR_QUANTIZE'));
          assert.deepEqual(await module.forward(inputs), expected);
        });
      });

      it('gives methods that read a weight its value, rounded to one step', async () => {
        const read = (module: TorchModule) => module.call('weight_and_bias', []);
        const [weight, bias] = tensorsOf(await using(linears('one'), read));
        const [small, same] = tensorsOf(await using(linears('one'), read, precision));
        assert.deepEqual(same, bias);
        assert.equal(small!.dtype, 'float32');
        for (let row = 0; row < 135; row++) {
          const values = weight!.data.subarray(row * 150, (row + 1) * 150);
          const step = values.reduce((most, value) => Math.max(most, Math.abs(value)), 0) / 127;
          values.forEach((value, i) => {
            const most = precision === 'int8' ? step * 0.501 : Math.abs(value) * 2 ** -8;
            assert.ok(Math.abs(small!.data[row * 150 + i]! - value) <= most);
          });
        }
      });
    });
  }

  describe('the report and the archive', () => {
    const SIZES = { parameters: 150 * 135 + 135, convertedParameters: 150 * 135, bytesBefore: 4 * (150 * 135 + 135) };
    const EXPECTED: [TorchPrecision, number, number][] = [
      ['int8', 150 * 135 + 4 * (135 + 135), 0.35], // a scale for each output
      ['bf16', 2 * 150 * 135 + 4 * 135, 0.6],
    ];
    for (const [precision, bytesAfter, share] of EXPECTED) {
      it(`count the ${precision} weights`, async function () {
        if (!supported[precision]) this.skip();
        const file = path.join(folder, 'one.pt');
        await using(linears('one'), async (module) => {
          const report: QuantizeReport = await module.quantize({ precision });
          assert.deepEqual(report, { convertedLayers: 1, unchangedLayers: 0, ...SIZES, bytesAfter });
          for (const wrong of ['text', ['text'], 5]) {
            await assert.rejects(module.save(file, { extraFiles: wrong as never }), TypeError);
          }
          await module.save(file, { extraFiles: { 'note.txt': 'ü' } });
          assert.equal(module.extraFile('note.txt'), null);
        });
        assert.ok(statSync(file).size < share * statSync(linears('one')).size, `${statSync(file).size}`);
        await using(file, (copy) => Promise.resolve(assert.equal(copy.extraFile('note.txt'), 'ü')));
        await assert.rejects(TorchModule.load(file, { precision: 'fp32' }), coded('ERR_PRECISION_UNSUPPORTED', /fp32/));
      });
    }
  });

  describe('methods that write weights', () => {
    const weight = floats([20, 20], 9);

    it('are removed together with their callers; other methods stay', async function () {
      if (!supported.int8) this.skip();
      await using(linears('writers'), async (module) => {
        await module.call('put_twice', [weight]);
        const [expected] = tensorsOf(await module.forward([floats([3, 20])]));
        await module.quantize();
        assert.ok(apart(await module.forward([floats([3, 20])]), expected) < INT8_ERROR);
        assert.deepEqual([...module.methods].sort(), ['forward', 'step']);
        assert.deepEqual(tensorsOf(await module.call('step', []))[0]!.data, Float32Array.of(1));
        await assert.rejects(module.call('put', [weight]), coded('ERR_MODEL_RUN', /\bput\b/));
      });
    });

    it('keep a model exact where forward is one of them', async function () {
      if (!supported.int8) this.skip();
      await using(linears('adapting'), async (module) => {
        const first = tensorsOf(await module.forward([floats([3, 20])]))[0]!;
        await assert.rejects(module.quantize(), coded('ERR_QUANTIZE'));
        const second = tensorsOf(await module.forward([floats([3, 20])]))[0]!;
        assert.ok(apart(second, first) > 0.1);
      });
    });
  });

  describe('errors', () => {
    it('leave the module as it was: quantizing twice', async function () {
      if (!supported.int8) this.skip();
      const inputs = [floats([5, 17])];
      await using(linears('mlp'), async (module) => {
        await module.quantize();
        const expected = await module.forward(inputs);
        await assert.rejects(module.quantize(), coded('ERR_QUANTIZE', /already/));
        assert.deepEqual(await module.forward(inputs), expected);
        assert.equal(module.precision, 'int8');
      });
    });

    it('leave the module as it was: nothing to quantize', async function () {
      if (!supported.int8) this.skip();
      await using(fixture('models/types.pt'), async (module) => {
        const expected = await module.forward([floats([2, 3])]);
        await assert.rejects(module.quantize(), coded('ERR_QUANTIZE'));
        assert.deepEqual(await module.forward([floats([2, 3])]), expected);
        assert.equal(module.precision, 'fp32');
      });
      await assert.rejects(
        TorchModule.load(fixture('models/types.pt'), { precision: 'int8' }),
        coded('ERR_QUANTIZE', /types\.pt/),
      );
    });

    it('are TypeErrors for invalid options', async () => {
      await using(linears('one'), async (module) => {
        for (const options of [{ precision: 'fp16' }, { precision: 8 }, { precison: 'bf16' }, 'bf16', null, 5]) {
          await assert.rejects(module.quantize(options as never), TypeError, JSON.stringify(options));
        }
        assert.equal(module.precision, 'fp32');
      });
    });

    it('are the same as before quantizing for inputs that do not fit a layer', async function () {
      if (!supported.int8) this.skip();
      for (const precision of [undefined, 'int8', ...(supported.bf16 ? ['bf16' as const] : [])] as const) {
        await using(
          linears('one'),
          async (module) => {
            // 140 and 192 take as many blocks of 64 as 150.
            for (const shape of [[2, 140], [2, 192], [2, 193], [2, 0], []]) {
              await assert.rejects(
                module.forward([floats(shape)]),
                coded('ERR_MODEL_RUN'),
                `${precision} ${shape.join()}`,
              );
            }
            assert.deepEqual(
              tensorsOf(await module.forward([floats([0, 150])])).map(({ shape }) => shape),
              [
                [0, 135],
                [0, 135],
              ],
            );
          },
          precision,
        );
      }
    });

    it('are reported for archives that cannot be written; the old file stays, and no partial file', async () => {
      const file = path.join(folder, 'a-file');
      writeFileSync(file, 'text');
      await using(linears('one'), async (module) => {
        await assert.rejects(module.save(path.join(file, 'model.pt')), coded('ERR_FILE_WRITE'));
        await assert.rejects(module.save(folder), coded('ERR_FILE_WRITE'));
      });
      assert.deepEqual(
        readdirSync(path.dirname(folder)).filter((name) => name.startsWith(`${path.basename(folder)}.`)),
        [],
      );
      assert.equal(readFileSync(file, 'utf8'), 'text');
    });

    // A limit on the size of files has the effect of a full disk: a write fails in the middle.
    for (const kilobytes of [1, 8, 80]) {
      it(`are reported for a disk that is full after ${kilobytes} KB; the process continues`, async () => {
        const target = mkdtempSync(path.join(folder, 'full-'));
        const archive = path.join(target, 'model.pt');
        copyFileSync(fixture('models/types.pt'), archive);
        const script = `
          const { TorchModule } = require(${JSON.stringify(path.join(__dirname, '../../lib/torch.js'))});
          (async () => {
            const module = await TorchModule.load(${JSON.stringify(linears('one'))});
            const x = { dtype: 'float32', shape: [1, 150], data: new Float32Array(150).fill(1) };
            for (let i = 0; i < 2; i++) {
              await module.save(${JSON.stringify(archive)}).then(() => console.log('saved'), (error) => console.log(error.code));
              console.log((await module.forward([x])).length);
            }
          })();`;
        const { stdout, stderr } = await new Promise<{ stdout: string; stderr: string }>((resolve) => {
          const args = ['-c', `ulimit -c 0 -f ${kilobytes}; exec "$0" -e "$1"`, process.execPath, script];
          endsWithTest(execFile('bash', args, (_error, stdout, stderr) => resolve({ stdout, stderr })));
        });
        assert.equal(stdout, 'ERR_FILE_WRITE\n2\nERR_FILE_WRITE\n2\n', stderr.slice(0, 300));
        assert.deepEqual(readdirSync(target), ['model.pt']);
        assert.deepEqual(readFileSync(archive), readFileSync(fixture('models/types.pt')));
      });
    }
  });
});

type TorchPrecision = 'int8' | 'bf16';
