import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { Checkpoint } from '../../lib/checkpoint/checkpoint.js';
import { importCheckpoint } from '../../lib/checkpoint/import.js';
import type { LazyTensor } from '../../lib/checkpoint/pickle-values.js';
import { EmotionError } from '../../lib/index.js';
import { Pickler, type Stored, writeCheckpoint, writeSaved } from '../support/checkpoint.js';
import { runCli } from '../support/run.js';
import { LABELS, tinySnapshot, tinyWeights } from '../support/tiny.js';
import { zipOf } from '../support/zip.js';

/** Returns `count` repetitions of the bytes, without a slow loop. */
const again = (count: number, ...bytes: (number | string | Buffer)[]): Buffer => {
  const once = Buffer.concat(bytes.map((byte) => (typeof byte === 'number' ? Buffer.from([byte]) : Buffer.from(byte))));
  return Buffer.alloc(once.length * count, once);
};
/** Returns the items of a dict whose values are all None. */
const manyKeys = (count: number, key: (i: number) => (string | Buffer)[]): Buffer =>
  Buffer.concat(
    Array.from({ length: count }, (_, i) => Buffer.concat([...key(i + 1), 'Ns'].map((part) => Buffer.from(part)))),
  );
const le32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
};
const storage = (p: Pickler, { type = 'FloatStorage', key = '0', size = 4 } = {}): Pickler =>
  p.raw('(').text('storage').global('torch', type).text(key).text('cpu').int(size).raw('t', 'Q');

describe('an untrusted checkpoint', function () {
  this.timeout(20_000); // a reader that hangs does so for minutes
  let folder: string;
  let source: string;
  let out: string;
  let weights: ReadonlyMap<string, Stored>;
  before(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'emotion2vec-hostile-'));
    source = path.join(folder, 'model.pt');
    out = path.join(folder, 'out.pt');
    writeFileSync(path.join(folder, 'tokens.txt'), LABELS.join('\n'));
    weights = tinyWeights();
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  const refused = async (what: string, code = /^ERR_CHECKPOINT$/, from = source): Promise<void> => {
    await assert.rejects(importCheckpoint(from, out), (error) => {
      assert.ok(error instanceof EmotionError, `${what}: ${String(error).slice(0, 500)}`);
      assert.match(error.code, code, `${what}: ${error.message}`);
      assert.ok(error.what.length < 450, `${what}: ${error.what}`);
      return true;
    });
  };

  it('cannot make its pickle run, grow or nest without end', async () => {
    const twice = Array.from({ length: 250 }, (_, i) =>
      Buffer.from(['h'.charCodeAt(0), i, 'h'.charCodeAt(0), i, 0x86, 0x71, i + 1]),
    );
    const bigKey = Buffer.from([0x8a, 12, 1, 2, 3, 4, 5, 6, 7, 8]);
    const pickles: Record<string, Pickler> = {
      'a class that is a list of lists 2^250 times over': new Pickler().raw(']q\0', ...twice, ')R'),
      'a name that is such a list': new Pickler().raw(']q\0', ...twice, 'h', 200, 0x93),
      'a class that contains itself': new Pickler().raw(']q\0h\0a)R'),
      'a million tuples in each other, called': new Pickler().raw(']', again(1_000_000, 0x85), ')R'),
      dicts: new Pickler().raw(again(2_100_000, '}')),
      copies: new Pickler().raw('N', again(2_100_000, '2')),
      'the memo': new Pickler().raw('N', again(2_100_000, 0x94)),
      'a far corner of the memo': new Pickler().raw('Nr', le32(2 ** 32 - 1)),
      'a farther one': new Pickler().raw('Np99999999999999\n'),
      'bytes without length': new Pickler().raw(again(2_100_000, 'C\0')),
      'an integer of 2 MB': new Pickler().raw(0x8b, le32(2e6), Buffer.alloc(2e6, 0x7f)),
      'an integer of 2 MB as a memo index': new Pickler().raw('Np', Buffer.alloc(2e6, '9'), '\n'),
      'a number of 2 MB': new Pickler().raw('I', Buffer.alloc(2e6, '9'), '\n'),
      'a fraction of 2 MB': new Pickler().raw('F', Buffer.alloc(2e6, '9'), '\n'),
      'a line without end': new Pickler().raw('V', Buffer.alloc(2e6, '9')),
      'a number that is not valid': new Pickler().raw('Isix\n'),
      'a frame beyond the end': new Pickler().raw(0x95, again(8, 0xff)),
      'bytes of 2^63': new Pickler().raw(0x8e, again(7, 0), 0x80),
      'a protocol of the future': new Pickler().raw(0x80, 9),
      'out-of-band data': new Pickler().raw(0x97),
      'a call of a mark': new Pickler().raw('((R'),
      'keys that make a Map slow': new Pickler().raw(
        '}',
        manyKeys(150_000, (i) => [bigKey, le32(i)]),
      ),
      'keys of digits that make a Map slow': new Pickler().raw(
        '}',
        manyKeys(100_000, (i) => {
          const key = String(i * 16_384);
          return ['X', le32(key.length), key];
        }),
      ),
      'one list of items for a million dicts': new Pickler()
        .raw('(', again(50_000, 'X', le32(1), 'kN', 0x86), 'l', 0x85, 'q\0')
        .global('collections', 'OrderedDict')
        .raw('q\x01', again(50_000, 'h\x01h\0R')),
      'a class with a long name, a million times': new Pickler()
        .text('a'.repeat(900))
        .text('b.'.repeat(450))
        .raw('q\x01', again(300_000, 'h\x01h\x01', 0x93)),
      'a class with a name of a megabyte': new Pickler().text('a'.repeat(1e6)).raw('q\0h\0', 0x93),
      'an item without a value': new Pickler().raw('}(').text('a').raw('u'),
      'a shape that grows after it was read': storage(
        new Pickler().global('torch._utils', '_rebuild_tensor_v2').raw('('),
      )
        .int(0)
        .raw(']q\0', again(100, 'h\0h\0a'), 'ttR'),
    };
    for (const [what, pickle] of Object.entries(pickles)) {
      writeSaved(source, pickle.finish());
      await refused(what);
    }
  });

  it('is refused for tensors that are not valid', async () => {
    const tensors: Record<string, (p: Pickler) => Pickler> = {
      'a negative offset': (p) => storage(p).int(-1).ints([4]).ints([1]),
      'a negative size': (p) => storage(p).int(0).ints([-4]).ints([1]),
      'a negative stride': (p) => storage(p).int(0).ints([4]).ints([-1]),
      'a size of 2^70': (p) => storage(p).int(0).raw('(', 0x8a, 9, again(8, 0), 0x40, 't').ints([1]),
      'a size that is a fraction': (p) => storage(p).int(0).raw('(G', again(8, 0x3f), 't').ints([1]),
      'more strides than sizes': (p) => storage(p).int(0).ints([4]).ints([1, 1]),
      'a thousand dimensions': (p) => storage(p).int(0).ints(Array(1000).fill(1)).ints(Array(1000).fill(1)),
      'a storage that is a tuple': (p) => p.raw('(t').int(0).ints([4]).ints([1]),
      'a key that is a path': (p) => storage(p, { key: '../../../etc/passwd' }).int(0).ints([4]).ints([1]),
      'data with two types': (p) => storage(storage(p).raw('0'), { type: 'HalfStorage' }).int(0).ints([4]).ints([1]),
    };
    const name = 'modality_encoders.AUDIO.extra_tokens';
    for (const [what, write] of Object.entries(tensors)) {
      const pickler = new Pickler().dict([
        [name, (p) => write(p.global('torch._utils', '_rebuild_tensor_v2').raw('(')).raw('tR')],
      ]);
      writeSaved(source, pickler.finish(), [new Float32Array(4)]);
      await refused(what);
    }
  });

  /** Writes the tiny network, whose tensors `change` describes. */
  const withTensors = (
    change: (name: string, p: Pickler, tensor: Stored) => void,
    data: readonly Float32Array[],
    network = weights,
  ): void => {
    const pickler = new Pickler();
    pickler.dict([...network].map(([name, tensor]) => [name, (p) => change(name, p, tensor)] as const));
    writeSaved(source, pickler.finish(), data);
  };
  const rebuilt = (p: Pickler, shape: readonly number[], size: number, key = '0', offset = 0): void => {
    const stride = shape.map((_, i) => shape.slice(i + 1).reduce((product, n) => product * n, 1));
    storage(p.global('torch._utils', '_rebuild_tensor_v2').raw('('), { size, key })
      .int(offset)
      .ints(shape)
      .ints(stride)
      .raw('tR');
  };

  it('may contain a few weights that share data, but not a whole network of them', async () => {
    const size = 512 * 512 * 3;
    withTensors((_name, p, { shape }) => rebuilt(p, shape, size), [new Float32Array(size).fill(0.01)]);
    const { parameters } = await importCheckpoint(source, out);
    assert.ok(parameters > 4e6);
    rmSync(out);

    const large = [1024, 1024];
    const wide = new Map<string, Stored>();
    const data = new Float32Array(0);
    for (const [name, { shape }] of weights) {
      const grown = shape.map((n) => ({ 64: 1024, 192: 3072, 256: 4096 })[n] ?? n);
      wide.set(name, { shape: grown, data });
    }
    const elements = 4 * large[0]! * large[1]!;
    withTensors((_name, p, { shape }) => rebuilt(p, shape, elements), [new Float32Array(elements)], wide);
    await refused('a gigabyte of 16 MB');
  });

  it('is refused where its pickle states more than its data contains', async () => {
    const cases: Record<string, (p: Pickler, shape: readonly number[]) => void> = {
      'a storage that is larger than its file': (p, shape) => rebuilt(p, shape, 2 ** 31 - 1),
      'an offset beyond its storage': (p, shape) => rebuilt(p, shape, 16, '0', 2 ** 31 - 1),
      'data that is missing': (p, shape) => rebuilt(p, shape, 16, 'x'),
    };
    for (const [what, write] of Object.entries(cases)) {
      withTensors((_name, p, { shape }) => write(p, shape), [new Float32Array(16)]);
      await refused(what);
    }
  });

  it('is refused for sizes that no network has', async () => {
    const encoder = 'd2v_model.modality_encoders.AUDIO.';
    const sizes: [string, number[]][] = [
      [`${encoder}extra_tokens`, [1, 10, 0]],
      [`${encoder}extra_tokens`, [1, 1, 2 ** 31 - 1]],
      [`${encoder}extra_tokens`, [1, 2 ** 31 - 1, 1]],
      [`${encoder}extra_tokens`, []],
      [`${encoder}alibi_scale`, [1, 1, 0, 1, 1]],
      [`${encoder}alibi_scale`, [4]],
      [`${encoder}relative_positional_encoder.1.0.weight`, [64, 0, 19]],
      [`${encoder}relative_positional_encoder.1.0.weight`, [64, 4, 0]],
      ['proj.weight', [0, 64]],
      ['proj.weight', [2 ** 31 - 1, 64]],
      ['d2v_model.blocks.0.mlp.fc1.bias', [2 ** 31 - 1]],
      ['d2v_model.blocks.99999999999999999999.x', [1]],
      ['d2v_model.blocks.40.x', [1]],
      [`${'x'.repeat(250)}${encoder}extra_tokens`, [1]],
    ];
    for (const [name, shape] of sizes) {
      const first = new Map([[name, { shape, data: new Float32Array(1) }], ...weights]);
      if (weights.has(name)) first.set(name, { shape, data: new Float32Array(1) });
      withTensors((_name, p, tensor) => rebuilt(p, tensor.shape, 16), [new Float32Array(16)], first);
      await refused(`${name} [${shape.join(', ')}]`);
    }
  });

  it('is refused for a damaged weight', async () => {
    writeCheckpoint(source, weights);
    const whole = readFileSync(source);
    for (const share of [0.3, 0.5, 0.99]) {
      const bytes = Buffer.from(whole);
      bytes[Math.floor(bytes.length * share)]! ^= 1;
      writeFileSync(source, bytes);
      await refused(`a bit at ${share}`);
    }
    // A local header that states a longer extra field would shift the content.
    const bytes = Buffer.from(whole);
    const header = bytes.indexOf('archive/data/3') - 30;
    bytes.writeUInt16LE(4, header + 28);
    writeFileSync(source, bytes);
    await refused('a shifted weight');
    // The file becomes shorter after it was opened.
    writeFileSync(source, whole);
    await using checkpoint = await Checkpoint.open(source);
    truncateSync(source, whole.length / 2);
    const model = (checkpoint.content as Map<string, Map<string, LazyTensor>>).get('model')!;
    const last = [...model.keys()].at(-1)!;
    await assert.rejects(
      checkpoint.read(model.get(last)!, last),
      (error) => error instanceof EmotionError && error.code === 'ERR_CHECKPOINT',
    );
  });

  it('is refused for labels that are not valid', async () => {
    writeCheckpoint(source, weights);
    const tokens = path.join(folder, 'tokens.txt');
    const nine = (first: string): string => [first, ...LABELS.slice(1)].join('\n');
    const bad: Record<string, Buffer | string> = {
      huge: Buffer.alloc(3 * 2 ** 20, 'a\n'),
      binary: Buffer.from(Array.from({ length: 256 }, (_, i) => i)),
      'not UTF-8': Buffer.from(nine('生气/angry'), 'utf16le'),
      'Latin-1': Buffer.from(nine('fr\xf6hlich'), 'latin1'),
      'a label of 10,000 characters': nine('a'.repeat(10_000)),
      'an escape sequence': nine('\x1b[2Jangry'),
      'a label twice': nine(LABELS[1]!),
      empty: '',
    };
    for (const [what, text] of Object.entries(bad)) {
      writeFileSync(tokens, text);
      await refused(what);
    }
    rmSync(tokens);
    mkdirSync(tokens);
    await refused('a folder');
    rmSync(tokens, { recursive: true });
    execFileSync('mkfifo', [tokens]);
    await refused('a pipe');
    rmSync(tokens);
    writeFileSync(tokens, `\ufeff${LABELS.join('\r\n')}\r\n\r\n`); // valid labels for the next tests
  });

  it('is refused at once where it is a pipe', async () => {
    const place = path.join(folder, 'place');
    mkdirSync(place);
    execFileSync('mkfifo', [path.join(place, 'model.pt')]);
    await refused('a pipe', /^ERR_FILE_READ$/, path.join(place, 'model.pt'));
    await refused('a pipe in a folder', /^ERR_FILE_READ$/, place);
    await refused('a device', /^ERR_FILE_READ$/, '/dev/zero');
    await refused('no path', /^ERR_FILE_NOT_FOUND$/, `/no/${'where/'.repeat(500)}`.slice(0, 4000));
    rmSync(path.join(place, 'model.pt'));
    symlinkSync(path.join(place, 'model.pt'), path.join(place, 'model.pt'));
    await refused('a link to itself', /^ERR_FILE_/, place);
    rmSync(path.join(place, 'model.pt'));
    symlinkSync(source, path.join(place, 'model.pt')); // as in the snapshot folders of model hubs
    copyFileSync(path.join(folder, 'tokens.txt'), path.join(place, 'tokens.txt'));
    const { card } = await importCheckpoint(place, out);
    assert.equal(card.labels[0]!.name, 'angry');
    rmSync(out);
  });

  it('is refused where it is a file of another kind', async () => {
    const foreign: Record<string, Buffer> = {
      'NumPy arrays': zipOf([{ name: 'arr_0.npy', content: Buffer.from('\x93NUMPY') }]),
      'torch.export': zipOf([{ name: 'm/archive_format', content: Buffer.from('pt2') }]),
      'two pickles': zipOf(['a', 'b'].map((name) => ({ name: `${name}/data.pkl`, content: Buffer.from('N.') }))),
      'big-endian': zipOf([
        { name: 'a/data.pkl', content: Buffer.from('N.') },
        { name: 'a/byteorder', content: Buffer.from('big') },
      ]),
    };
    for (const [what, bytes] of Object.entries(foreign)) {
      writeFileSync(source, bytes);
      await refused(what);
    }
  });

  it('is reported as complete or damaged on the command line, as an archive is', async () => {
    const snapshot = tinySnapshot(new Map(weights));
    await importCheckpoint(snapshot, out);
    rmSync(snapshot, { recursive: true });
    const [well, all] = await Promise.all([runCli(['models', out, '--verify']), runCli(['models', '--verify'])]);
    assert.deepEqual([well.status, all.status], [0, 0], well.stderr + all.stderr);
    const bytes = readFileSync(out);
    bytes[Math.floor(bytes.length / 2)]! ^= 4;
    writeFileSync(out, bytes);
    const smaller = path.join(folder, 'int8.pt');
    const [verified, quantized, doctor] = await Promise.all([
      runCli(['models', out, '--verify']),
      runCli(['quantize', out, smaller]),
      runCli(['doctor', '--model', out, '--json']),
    ]);
    for (const ran of [verified, quantized]) {
      assert.equal(ran.status, 1);
      assert.match(ran.stderr, /ERR_MODEL_LOAD/);
    }
    const { findings } = JSON.parse(doctor.stdout) as { findings: { id: string; status: string }[] };
    assert.equal(findings.find(({ id }) => id === 'models.out.pt')?.status, 'error');
    assert.equal(doctor.status, 1);
    rmSync(out);
  });
});
