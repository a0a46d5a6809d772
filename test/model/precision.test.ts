import assert from 'node:assert/strict';
import { copyFileSync, existsSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import path from 'node:path';

import { importCheckpoint } from '../../lib/checkpoint/import.js';
import { EmotionError, EmotionRecognizer, type Precision } from '../../lib/index.js';
import { type Tensor, TorchModule } from '../../lib/torch.js';
import { cosine } from '../support/cosine.js';
import { fixture } from '../support/paths.js';
import { runCli, runNode } from '../support/run.js';
import { clip, tinySnapshot } from '../support/tiny.js';

/** Whether the processor has instructions for bfloat16. */
const FAST_BF16 = /\bavx512_bf16\b/.test(readFileSync('/proc/cpuinfo', 'latin1'));

describe('precision (emotion2vec+ tiny)', () => {
  let folder: string;
  let archive: string;
  let int8: string;
  const samples = clip(5, 48000);

  before(async () => {
    folder = tinySnapshot();
    archive = path.join(folder, 'tiny.pt');
    int8 = path.join(folder, 'int8.pt');
    await importCheckpoint(folder, archive);
    await importCheckpoint(folder, int8, { precision: 'int8' });
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  const recognize = async (model: string, precision?: Precision) => {
    await using recognizer = new EmotionRecognizer({ model, precision });
    return await recognizer.recognize({ samples, sampleRate: 16000 }, { granularity: 'frame', embedding: true });
  };

  it('imports as int8: a third of the size, with features that differ by rounding', async () => {
    assert.ok(statSync(int8).size < statSync(archive).size / 3);
    const [full, small] = [await recognize(archive, 'fp32'), await recognize(int8)];
    assert.equal(full.model.precision, 'fp32');
    assert.equal(small.model.precision, 'int8');
    // Random weights are the hardest case, because they have no structure that survives rounding.
    assert.ok(cosine(full.embedding!, small.embedding!) > 0.999);
    assert.notDeepEqual(full.embedding, small.embedding);
  });

  it('quantizes while it loads, with the same results as an archive that was quantized before', async () => {
    const [loaded, stored] = [await recognize(archive, 'int8'), await recognize(int8, 'int8')];
    assert.equal(loaded.model.precision, 'int8');
    assert.deepEqual(loaded.embedding, stored.embedding);
    assert.deepEqual(loaded.scores, stored.scores);
  });

  it('computes in bf16 where the processor can, and is refused where it cannot', async () => {
    if (!FAST_BF16) {
      await assert.rejects(recognize(archive, 'bf16'), { code: 'ERR_PRECISION_UNSUPPORTED' });
      return;
    }
    const [full, half] = [await recognize(archive, 'fp32'), await recognize(archive, 'bf16')];
    assert.equal(half.model.precision, 'bf16');
    assert.ok(cosine(full.embedding!, half.embedding!) > 0.9995); // 8 bits of mantissa in every tensor
    assert.notDeepEqual(full.embedding, half.embedding);
  });

  it('auto uses the precision of the archive, or for fp32 that which the processor is fast at', async () => {
    assert.equal((await recognize(int8)).model.precision, 'int8');
    assert.equal((await recognize(archive)).model.precision, FAST_BF16 ? 'bf16' : 'fp32');
    await using small = new EmotionRecognizer();
    assert.equal((await small.recognize({ samples, sampleRate: 16000 })).model.precision, 'fp32');
  });

  it('gives a clip a result that does not depend on its batch, in int8 too', async () => {
    using module = await TorchModule.load(int8);
    const clips = [clip(1, 16000), clip(2, 23456, 0.9), clip(3, 400), clip(4, 40001, 0.01)];
    const run = async (batch: Float32Array[]): Promise<Tensor<'float32'>[]> => {
      const longest = Math.max(...batch.map(({ length }) => length));
      const data = new Float32Array(batch.length * longest);
      batch.forEach((each, i) => data.set(each, i * longest));
      const lengths = BigInt64Array.from(batch, ({ length }) => BigInt(length));
      return (await module.forward([
        { dtype: 'float32', shape: [batch.length, longest], data },
        { dtype: 'int64', shape: [batch.length], data: lengths },
      ])) as Tensor<'float32'>[];
    };
    const [logits] = await run(clips);
    for (const [i, each] of clips.entries()) {
      const [alone] = await run([each]);
      // Rows are quantized one by one, and their products are integers. Only the order of other sums can differ.
      const apart = alone!.data.map((value, label) => Math.abs(value - logits!.data[i * alone!.data.length + label]!));
      assert.ok(Math.max(...apart) < 1e-4, `clip ${i}: ${Math.max(...apart)}`);
    }
  });

  it('refuses a precision that the archive cannot have', async () => {
    await assert.rejects(recognize(int8, 'fp32'), (error: unknown) => {
      assert.ok(error instanceof EmotionError);
      assert.equal(error.code, 'ERR_PRECISION_UNSUPPORTED');
      assert.match(error.message, /\bint8\b.*\bfp32\b/);
      return true;
    });
  });

  it('quantizes on the command line, once', async () => {
    const out = path.join(folder, 'out.pt');
    const ran = await runCli(['quantize', archive, out]);
    assert.equal(ran.status, 0, ran.stderr);
    assert.match(ran.stdout, /int8, 27 of 28 linear layers\n99\.0 ?% of 4\.5 M parameters/);
    assert.match(ran.stdout, /\b1[78](\.\d)? MB -> 4\.\d MB/);
    assert.deepEqual((await recognize(out)).scores, (await recognize(int8)).scores);
    const before = readFileSync(out);
    for (const [from, to, code] of [
      [out, path.join(folder, 'twice.pt'), /ERR_QUANTIZE: .*already/],
      [archive, archive, /ERR_FILE_WRITE: .*same file/],
      [archive, path.join(folder, 'no/such/folder/out.pt'), /ERR_FILE_WRITE/],
      [path.join(folder, 'none.pt'), out, /ERR_FILE_NOT_FOUND/],
      [path.join(folder, 'tokens.txt'), out, /ERR_MODEL_LOAD/],
    ] as const) {
      const refused = await runCli(['quantize', from, to]);
      assert.equal(refused.status, 1, refused.stdout);
      assert.match(refused.stderr, code);
    }
    assert.ok(readFileSync(out).equals(before), 'what was there is still there');
    assert.deepEqual(
      readdirSync(folder).filter((name) => name.endsWith('.part') || name === 'twice.pt'),
      [],
    );
  });

  it('compares precisions on clips of the user', async () => {
    const audio = path.join(folder, 'clips');
    const ran = await runCli(['compare', archive, '--audio', fixture('speech.wav'), fixture('speech.flac')]);
    assert.equal(ran.status, 0, ran.stderr);
    const rows = ran.stdout.split('\n').map((line) => line.trim().split(/\s{2,}/));
    assert.ok(ran.stdout.split('\n').every((line) => line.length <= 80));
    const row = rows.find(([name]) => name === 'int8');
    assert.ok(row !== undefined, ran.stdout);
    assert.match(row[1]!, /^\d\/2$/);
    assert.ok(Number(row[3]) > 0.999 && Number(row[3]) < 1);
    assert.match(row[7]!, /^4\.\d MB$/);
    assert.ok(!FAST_BF16 || rows.some(([name]) => name === 'bf16'));
    assert.ok(!existsSync(audio));
    assert.deepEqual(
      readdirSync('/tmp').filter((name) => name.startsWith('emotion2vec-compare-')),
      [],
    );
    const twice = await runCli(['compare', int8, '--audio', fixture('speech.wav')]);
    assert.equal(twice.status, 1);
    assert.match(twice.stderr, /ERR_PRECISION_UNSUPPORTED/);
  });

  it('reports what is wrong with a clip, and compares the others', async () => {
    const broken = path.join(folder, 'broken.wav');
    copyFileSync(fixture('text.wav'), broken);
    const ran = await runCli([
      'compare',
      'small-en-de',
      '--precision',
      'int8',
      '--audio',
      broken,
      fixture('speech.wav'),
    ]);
    assert.equal(ran.status, 1);
    assert.equal(ran.stderr.match(/ERR_AUDIO_DECODE/g)?.length, 1, 'reported once');
    assert.match(ran.stdout, /int8 +1\/1/);
    const nothing = await runCli(['compare', 'small-en-de', '--audio', broken]);
    assert.deepEqual([nothing.status, nothing.stdout], [1, '']);
  });

  it('frees the memory, twenty times', async () => {
    const { status, stdout, stderr } = await runNode([
      '-e',
      `
      const { EmotionRecognizer } = require('./dist/index.js');
      const rss = () => process.memoryUsage.rss() / 1e6;
      const settle = () => new Promise((resolve) => setTimeout(resolve, 100));
      const input = { samples: new Float32Array(48000).map((_, i) => Math.sin(i * i * 1e-4)), sampleRate: 16000 };
      void (async () => {
        const first = new EmotionRecognizer({ model: ${JSON.stringify(archive)}, precision: 'int8' });
        await first.recognize(input);
        await first.close(); // libtorch stays loaded
        await settle();
        const before = rss();
        const recognizer = new EmotionRecognizer({ model: ${JSON.stringify(archive)}, precision: 'fp32' });
        const after = [];
        for (let round = 0; round < 20; round++) {
          await recognizer.recognize(input);
          await recognizer.unload();
          await settle();
          after.push(rss() - before);
        }
        console.log(JSON.stringify(after));
      })();
    `,
    ]);
    assert.equal(status, 0, stderr);
    const after = JSON.parse(stdout) as number[];
    assert.ok(after.at(-1)! < 60, `MB above what it was: ${after.map(Math.round).join(' ')}`);
  });
});
