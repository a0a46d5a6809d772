import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';

import { importCheckpoint } from '../../lib/checkpoint/import.js';
import { Pickler, type Stored, writeSaved } from '../support/checkpoint.js';
import { type ImportFolder, importFolder } from '../support/import-folder.js';
import { tinyWeights } from '../support/tiny.js';

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

describe('the pickle of an untrusted checkpoint', function () {
  this.timeout(20_000); // a reader that hangs does so for minutes
  let files: ImportFolder;
  let weights: ReadonlyMap<string, Stored>;
  before(() => {
    files = importFolder();
    weights = tinyWeights();
  });
  after(() => files[Symbol.dispose]());

  it('cannot run, grow or nest without end', async () => {
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
      writeSaved(files.source, pickle.finish());
      await files.refused(what);
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
      writeSaved(files.source, pickler.finish(), [new Float32Array(4)]);
      await files.refused(what);
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
    writeSaved(files.source, pickler.finish(), data);
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
    const { parameters } = await importCheckpoint(files.source, files.out);
    assert.ok(parameters > 4e6);
    rmSync(files.out);

    const large = [1024, 1024];
    const wide = new Map<string, Stored>();
    const data = new Float32Array(0);
    for (const [name, { shape }] of weights) {
      const grown = shape.map((n) => ({ 64: 1024, 192: 3072, 256: 4096 })[n] ?? n);
      wide.set(name, { shape: grown, data });
    }
    const elements = 4 * large[0]! * large[1]!;
    withTensors((_name, p, { shape }) => rebuilt(p, shape, elements), [new Float32Array(elements)], wide);
    await files.refused('a gigabyte of 16 MB');
  });

  it('is refused where it states more than its data contain', async () => {
    const cases: Record<string, (p: Pickler, shape: readonly number[]) => void> = {
      'a storage that is larger than its file': (p, shape) => rebuilt(p, shape, 2 ** 31 - 1),
      'an offset beyond its storage': (p, shape) => rebuilt(p, shape, 16, '0', 2 ** 31 - 1),
      'data that is missing': (p, shape) => rebuilt(p, shape, 16, 'x'),
    };
    for (const [what, write] of Object.entries(cases)) {
      withTensors((_name, p, { shape }) => write(p, shape), [new Float32Array(16)]);
      await files.refused(what);
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
      await files.refused(`${name} [${shape.join(', ')}]`);
    }
  });
});
