import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';

import { importCheckpoint } from '../../lib/checkpoint/import.js';
import { EmotionRecognizer } from '../../lib/index.js';
import { type Tensor, TorchModule } from '../../lib/torch.js';
import { root } from '../support/paths.js';
import { clip } from '../support/tiny.js';

const REFERENCE = path.join(root, '../shared/reference');
const PYTHON = process.env.EMOTION2VEC_PARITY_PYTHON ?? path.join(root, 'build/parity-venv/bin/python');
const PARITY = 1e-4;
const BATCH = 2e-5;

const floats = (file: string): Float32Array => new Float32Array(new Uint8Array(readFileSync(file)).buffer);
const furthest = (a: ArrayLike<number>, b: ArrayLike<number>): number => {
  assert.equal(a.length, b.length);
  let most = 0;
  for (let i = 0; i < a.length; i++) most = Math.max(most, Math.abs(a[i]! - b[i]!));
  return most;
};

/** FunASR in a Python process, with a model of random weights. */
class Reference {
  readonly folder = mkdtempSync(path.join(tmpdir(), 'emotion2vec-parity-'));
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;
  #count = 0;

  constructor(size: string, seed: number) {
    const script = path.join(root, 'test/parity/reference.py');
    this.#child = spawn(PYTHON, [script, REFERENCE, size, String(seed), this.folder], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    this.#lines = createInterface({ input: this.#child.stdout! })[Symbol.asyncIterator]();
  }

  async ready(): Promise<void> {
    assert.ok(!(await this.#lines.next()).done, 'the reference ended');
  }

  async expect(samples: Float32Array, rate = 16000) {
    const out = path.join(this.folder, String(this.#count++));
    writeFileSync(`${out}.f32`, samples);
    this.#child.stdin!.write(`${JSON.stringify({ samples: `${out}.f32`, rate, out })}\n`);
    await this.ready();
    return { logits: floats(`${out}.logits`), features: floats(`${out}.features`), scores: floats(`${out}.scores`) };
  }

  close(): void {
    this.#child.kill();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** A few gliding tones with pauses. */
function tones(length: number, rate: number): Float32Array {
  return Float32Array.from({ length }, (_, i) => {
    const t = i / rate;
    return t % 1 < 0.8 ? 0.2 * Math.sin(300 * t * (2 + Math.sin(t))) + 0.05 * Math.sin(4000 * t) : 0;
  });
}

const table: { model: string; clip: string; batch: number; logits: string; features: string }[] = [];

describe('parity with FunASR', function () {
  this.timeout(30 * 60_000);

  before(function () {
    if (existsSync(REFERENCE) && existsSync(PYTHON)) return;
    console.log(`    skipped: needs ${REFERENCE} and ${PYTHON} (scripts/parity-venv.sh)`);
    this.skip();
  });
  after(() => console.table(table));

  const models: [string, number, number][] = [
    ...[1, 2, 3, 4, 5].map((seed): [string, number, number] => ['tiny', seed, seed === 1 ? 60 : 3]),
    ['base', 1, 60],
    ['base', 2, 3],
    ['large', 7, 60],
    ['large', 8, 3],
  ];
  for (const [size, seed, longest] of models) {
    describe(`${size}, seed ${seed}`, () => {
      let reference: Reference;
      let module: TorchModule;
      let recognizer: EmotionRecognizer;

      before(async () => {
        reference = new Reference(size, seed);
        await reference.ready();
        const archive = path.join(reference.folder, 'archive.pt');
        await importCheckpoint(reference.folder, archive);
        rmSync(path.join(reference.folder, 'model.pt')); // gigabytes
        module = await TorchModule.load(archive, { precision: 'fp32' });
        recognizer = new EmotionRecognizer({ model: archive, precision: 'fp32' });
      });
      after(async () => {
        await recognizer?.close();
        module?.dispose();
        reference?.close();
      });

      const forward = async (clips: readonly Float32Array[]) => {
        const width = Math.max(...clips.map((samples) => samples.length));
        const data = clip(99, clips.length * width, 100);
        clips.forEach((samples, i) => data.set(samples, i * width));
        return (await module.forward([
          { dtype: 'float32', shape: [clips.length, width], data },
          { dtype: 'int64', shape: [clips.length], data: BigInt64Array.from(clips, ({ length }) => BigInt(length)) },
        ])) as Tensor<'float32'>[];
      };

      const clips: [string, () => Float32Array][] = [
        ...[400, 401, 719, 720, 5003, 16001, 48000].map((length): [string, () => Float32Array] => [
          `noise of ${length} samples`,
          () => clip(seed, length),
        ]),
        ['constant, 1 s', () => new Float32Array(16000).fill(0.25)],
        ['silence, 1 s', () => new Float32Array(16000)],
        ['loud, 1 s', () => clip(seed, 16000, 1000)],
        ['tones, 3 s', () => tones(48000, 16000)],
        ...(longest < 60
          ? []
          : [10, 60].map((seconds): [string, () => Float32Array] => [
              `noise, ${seconds} s`,
              () => clip(seed, 16000 * seconds),
            ])),
      ];
      for (const [name, make] of clips) {
        it(name, async () => {
          const samples = make();
          const expected = await reference.expect(samples);
          const [logits, , features] = await forward([samples]);
          const differences = [
            furthest(logits!.data, expected.logits),
            furthest(features!.data, expected.features),
          ] as const;
          row(name, 1, ...differences);
          assert.ok(differences[0] < PARITY, `logits differ by ${differences[0]}`);
          assert.ok(differences[1] < PARITY, `features differ by ${differences[1]}`);
        });
      }

      for (const rate of [8000, 22050, 44100, 48000]) {
        it(`tones, 2 s at ${rate} Hz`, async () => {
          const samples = tones(2 * rate, rate);
          const expected = await reference.expect(samples, rate);
          const options = { granularity: 'frame', embedding: true } as const;
          const result = await recognizer.recognize({ samples, sampleRate: rate }, options);
          const difference = furthest(result.embedding!, expected.features);
          row(`tones at ${rate} Hz`, 1, furthest(Object.values(result.scores), expected.scores), difference);
          assert.ok(furthest(Object.values(result.scores), expected.scores) < PARITY);
          assert.ok(difference < PARITY, `features differ by ${difference}`);
        });
      }

      for (const count of [2, 5, 16]) {
        it(`${count} clips in a ragged batch`, async () => {
          const batch = Array.from({ length: count }, (_, i) => clip(i, 400 + ((i * 7919 + 31000) % 48000)));
          const [logits, , features] = await forward(batch);
          let worst = [0, 0];
          for (const [i, samples] of batch.entries()) {
            const alone = await forward([samples]);
            worst = [logits!, features!].map((tensor, k) => {
              const stride = tensor.data.length / count;
              const single = alone[2 * k]!.data;
              return Math.max(
                worst[k]!,
                furthest(tensor.data.subarray(i * stride, i * stride + single.length), single),
              );
            });
          }
          row('0.025-3 s, against single runs', count, worst[0]!, worst[1]!);
          assert.ok(Math.max(...worst) < BATCH, `differs by ${String(worst)}`);
        });
      }

      const row = (name: string, batch: number, logits: number, features: number) =>
        table.push({
          model: `${size} ${seed}`,
          clip: name,
          batch,
          logits: logits.toExponential(1),
          features: features.toExponential(1),
        });
    });
  }
});
