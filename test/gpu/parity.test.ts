import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { EmotionRecognizer } from '../../lib/index.js';
import { type Tensor, TorchModule } from '../../lib/torch.js';
import { fixture, root } from '../support/paths.js';
import { clip, importTiny, noise } from '../support/tiny.js';
import { describeGpu } from './gpu.js';
import { furthest, outputOf } from './outputs.js';
import { alike, itIsOnPar, near } from './parity.js';

const SECOND = 16000;
const LENGTHS = [720, 721, 1040, SECOND, 3 * SECOND, 10 * SECOND + 13, 30 * SECOND, 60 * SECOND];

describeGpu('on the GPU: float32 products', () => {
  // TF32 keeps ten bits of each factor, which would be an error of 1e-3. Sums in another order differ by the square root of their length.
  const EXACT = 2e-5;
  const random = (seed: number, ...shape: number[]): Tensor<'float32'> => {
    const size = shape.reduce((product, n) => product * n, 1);
    return { dtype: 'float32', shape, data: Float32Array.from(noise(seed, size), (x) => x / 16) };
  };
  const both = () =>
    Promise.all(
      ['cuda', 'cpu'].map((device) => TorchModule.load(fixture('models/device.pt'), { device: device as 'cpu' })),
    );

  for (const [method, inputs] of [
    ['forward', [random(1, 300, 256), random(2, 256, 200)]],
    ['convolved', [random(3, 2, 64, 500), random(4, 96, 64, 19)]],
  ] as const) {
    it(`${method}: has full precision, not that of TF32`, async () => {
      const modules = await both();
      const [gpu, cpu] = (await Promise.all(
        modules.map((module) => module.call(method, inputs)),
      )) as Tensor<'float32'>[];
      for (const module of modules) module.dispose();
      const apart = furthest(gpu!.data, cpu!.data);
      assert.ok(apart < EXACT, `${apart} apart`);
    });
  }
});

describeGpu('on the GPU: the built-in model', () => {
  itIsOnPar({
    archive: () => Promise.resolve(path.join(root, 'models/small-en-de.pt')),
    lengths: LENGTHS,
    batches: [1, 2, 6, 15],
    longest: 5 * SECOND,
  });
});

describeGpu('on the GPU: emotion2vec+ (tiny)', () => {
  let folder: string;
  let tiny: string;
  before(async () => {
    folder = mkdtempSync(path.join(tmpdir(), 'emotion2vec-gpu-'));
    tiny = await importTiny(path.join(folder, 'tiny.pt'));
  });
  after(() => folder && rmSync(folder, { recursive: true }));

  // The fake device has no fast fp16: a minute of audio would take half a minute.
  itIsOnPar({
    archive: () => Promise.resolve(tiny),
    lengths: LENGTHS.slice(0, -1),
    batches: [1, 6, 15],
    longest: 3 * SECOND,
  });

  it('gives the output of the CPU for 70 s, which is more than attention computes at once', async () => {
    const samples = clip(3, 70 * SECOND);
    using gpu = await TorchModule.load(tiny, { device: 'cuda', precision: 'fp32' });
    using cpu = await TorchModule.load(tiny, { device: 'cpu', precision: 'fp32' });
    near(await outputOf(gpu, samples), await outputOf(cpu, samples), '70 s');
  });

  it('can be quantized on the GPU and saved for the CPU', async () => {
    const saved = path.join(folder, 'saved.pt');
    const samples = clip(8, 2 * SECOND);
    using gpu = await TorchModule.load(tiny, { device: 'cuda', precision: 'fp32' });
    using plain = await TorchModule.load(tiny, { device: 'cpu', precision: 'fp32' });
    const expected = await outputOf(plain, samples);
    await gpu.save(saved);
    {
      using cpu = await TorchModule.load(saved, { device: 'cpu', precision: 'fp32' });
      near(await outputOf(cpu, samples), expected, 'saved in fp32');
    }
    await gpu.quantize();
    assert.equal(gpu.precision, 'int8');
    alike(await outputOf(gpu, samples), expected, 'quantized');
    await gpu.save(saved);
    for (const device of ['cpu', 'cuda'] as const) {
      using small = await TorchModule.load(saved, { device });
      assert.equal(small.precision, 'int8');
      alike(await outputOf(small, samples), expected, `saved in int8, on ${device}`);
    }
  });

  it('infers long audio in windows', async () => {
    const input = { samples: clip(6, 130 * SECOND), sampleRate: SECOND };
    const results = [];
    for (const device of ['cuda', 'cpu'] as const) {
      await using recognizer = new EmotionRecognizer({ model: tiny, device, precision: 'fp32' });
      results.push(await recognizer.recognize(input, { granularity: 'frame', embedding: true }));
    }
    const [gpu, cpu] = results;
    assert.equal(gpu!.windows?.count, 3);
    assert.ok(furthest(gpu!.embedding!, cpu!.embedding!) < 2e-3);
    assert.deepEqual(
      gpu!.frames!.map(({ start, end }) => [start, end]),
      cpu!.frames!.map(({ start, end }) => [start, end]),
    );
    for (const [i, { scores }] of gpu!.frames!.entries()) {
      assert.ok(furthest(Object.values(scores), Object.values(cpu!.frames![i]!.scores)) < 2e-3, `frame ${i}`);
    }
  });
});
