import assert from 'node:assert/strict';

import { decodeBuiltin as decode } from '../support/decode.js';
import { fixture } from '../support/paths.js';
import { bytes, chunk, int, ints, riff, wav, wavFormat } from '../support/audio-bytes.js';

const values = [0, 16384, -16384, 32767, -32768, 1];
const samples = ints(values, 2);
const expected = values.map((value) => value / 32768);

async function read(file: Uint8Array): Promise<number[]> {
  return [...(await decode(file)).samples];
}

/** The extension after 16 bytes of format: valid bits, channel mask 0, and a sub-format. */
const extension = (valid: number, subformat: string) =>
  bytes(int(22, 2), int(valid, 2), int(0, 4), Buffer.from(subformat, 'hex'));
const PCM = '0100000000001000800000aa00389b71';
const AMBISONIC = '0100000021071107d3118644c8c1ca000000';

describe('WAV headers', () => {
  const format = wavFormat();
  const list = chunk('LIST', 'INFOISFT\x05\0\0\0Lavf\0\0');
  const ds64 = (size: number) => chunk('ds64', bytes(int(0, 8), int(size, 8), int(0, 8), int(0, 4)));
  const wide = (kind: string, ...chunks: Buffer[]) => bytes(kind, int(0xffffffff, 4), 'WAVE', ...chunks);
  const cases: [string, Uint8Array][] = [
    ['a data chunk of size 0 that ends the file', riff(format, bytes('data', int(0, 4), samples))],
    ['a data chunk of unknown size', riff(format, chunk('data', samples, { size: 0xffffffff }))],
    ['a data chunk of nearly 2 GB', riff(format, chunk('data', samples, { size: 0x7fffff00 }))],
    [
      'chunks before the format and after the data',
      riff(chunk('JUNK', [1, 2, 3]), list, format, chunk('data', samples), list),
    ],
    ['the format after the data', riff(chunk('data', samples), format)],
    ['two data chunks', riff(format, chunk('data', samples.subarray(0, 4)), list, chunk('data', samples.subarray(4)))],
    ['an empty data chunk before another one', riff(format, chunk('data', ''), chunk('data', samples))],
    [
      'a chunk of odd size without its padding',
      riff(format, chunk('note', 'abc', { padded: false }), chunk('data', samples)),
    ],
    [
      'a second format, which is ignored',
      riff(format, wavFormat({ channels: 2, sampleRate: 8000 }), chunk('data', samples)),
    ],
    ['a false RIFF size', bytes('RIFF', int(7, 4), 'WAVE', format, chunk('data', samples))],
    ['an ID3 tag before it', bytes('ID3\x04\0\0\0\0\0\x05abcde', wav({}, samples))],
    ['half a frame at the end', wav({}, bytes(samples, [7]))],
    ['RF64 with its size in ds64', wide('RF64', ds64(12), format, chunk('data', samples, { size: 0xffffffff }), list)],
    ['BW64 with its size in ds64', wide('BW64', ds64(12), format, chunk('data', samples, { size: 0xffffffff }), list)],
    [
      'RF64 whose ds64 was never filled in',
      wide('RF64', ds64(0), format, chunk('data', samples, { size: 0xffffffff })),
    ],
    [
      'RF64 whose ds64 exceeds the file',
      wide('RF64', ds64(2 ** 50), format, chunk('data', samples, { size: 0xffffffff })),
    ],
    ['extensible PCM', wav({ tag: 0xfffe, extension: extension(16, PCM) }, samples)],
    ['a block size of 0', wav({ blockBytes: 0 }, samples)],
    ['a block size for another number of channels', wav({ blockBytes: 4 }, ints(values, 2))],
  ];
  for (const [name, file] of cases) {
    it(`reads ${name}`, async () => assert.deepEqual(await read(file), expected));
  }

  it('reads big-endian files (RIFX)', async () => {
    const body = bytes('WAVE', wavFormat({ big: true }), chunk('data', ints(values, 2, { big: true }), { big: true }));
    assert.deepEqual(await read(bytes('RIFX', int(body.length, 4, { big: true }), body)), expected);
  });

  it('reads Wave64, whose sizes include the headers and are padded to eight bytes', async () => {
    const rest = Buffer.from('f3acd3118cd100c04f8edb8a', 'hex');
    const part = (id: string, body: Buffer, size = 24 + body.length) =>
      bytes(id, rest, int(size, 8), body, Buffer.alloc((8 - (body.length % 8)) % 8));
    const head = bytes('riff', Buffer.from('2e91cf11a5d628db04c10000', 'hex'), int(0, 8), 'wave', rest);
    const content = [head, part('junk', Buffer.alloc(3)), part('fmt ', format.subarray(8))];
    assert.deepEqual(await read(bytes(...content, part('data', samples))), expected);
    for (const size of [0, 24, 2 ** 50]) {
      assert.deepEqual(await read(bytes(...content, part('data', samples, size)).subarray(0, -4)), expected, `${size}`);
    }
  });

  it('distinguishes an empty file from one whose size was never written', async () => {
    await assert.rejects(read(riff(format, chunk('data', ''), list)), { code: 'ERR_AUDIO_TOO_SHORT' });
    await assert.rejects(read(riff(format, chunk('data', ''))), { code: 'ERR_AUDIO_TOO_SHORT' });
    assert.equal((await decode(fixture('data0.wav'))).samples.length, 48874);
  });

  it('rejects damaged files and other codecs', async () => {
    const broken: [string, Uint8Array][] = [
      ['no format', riff(chunk('data', samples))],
      ['no data', riff(format)],
      ['a format of four bytes', riff(chunk('fmt ', [1, 0, 1, 0]), chunk('data', samples))],
      ['GSM 6.10', wav({ tag: 0x31, bits: 0, blockBytes: 65 }, Buffer.alloc(650))],
      ['16-bit floats', wav({ tag: 3, bits: 16 }, samples)],
      ['0 bits', wav({ bits: 0, blockBytes: 2 }, samples)],
      [
        'an unknown extensible format',
        wav({ tag: 0xfffe, extension: extension(16, PCM.replace('8000', '1234')) }, samples),
      ],
    ];
    for (const [name, file] of broken) await assert.rejects(read(file), { code: 'ERR_AUDIO_DECODE' }, name);
  });

  it('reads the ambisonics sub-format', async () => {
    const subformat = AMBISONIC.slice(0, 16) + AMBISONIC.slice(-16);
    assert.deepEqual(await read(wav({ tag: 0xfffe, extension: extension(16, subformat) }, samples)), expected);
  });
});

describe('WAV samples', () => {
  const fine = [0, 0x123456, -0x123456, 0x7fffff, -0x800000, 0x000101];
  const asFloats = fine.map((value) => value / 2 ** 23);
  const floats = (list: number[], size: 4 | 8) => {
    const out = Buffer.alloc(size * list.length);
    list.forEach((value, i) => (size === 4 ? out.writeFloatLE(value, 4 * i) : out.writeDoubleLE(value, 8 * i)));
    return out;
  };
  const cases: [string, Uint8Array, number[]][] = [
    ['8 bits', wav({ bits: 8 }, [0, 64, 128, 255]), [-1, -0.5, 0, 127 / 128]],
    [
      '12 bits in the upper bits of 2 bytes',
      wav({ bits: 12 }, ints([0x1230, -0x1230], 2)),
      [0x1230 / 32768, -0x1230 / 32768],
    ],
    [
      '20 bits in the upper bits of 3 bytes',
      wav({ bits: 20 }, ints([0x123450, -0x123450], 3)),
      [0x123450 / 2 ** 23, -0x123450 / 2 ** 23],
    ],
    ['24 bits', wav({ bits: 24 }, ints(fine, 3)), asFloats],
    [
      '24 bits in the upper bits of 4 bytes',
      wav(
        { bits: 24, blockBytes: 4 },
        ints(
          fine.map((v) => v * 256),
          4,
        ),
      ),
      asFloats,
    ],
    ['24 bits in the lower bits of 4 bytes', wav({ bits: 24, blockBytes: 4 }, ints(fine, 4)), asFloats],
    ['24 bits in 4 bytes that are floats', wav({ bits: 24, blockBytes: 4 }, floats(fine, 4)), asFloats],
    [
      '16 bits in 4 bytes',
      wav(
        { blockBytes: 4 },
        ints(
          values.map((v) => v * 65536),
          4,
        ),
      ),
      expected,
    ],
    [
      '24 valid bits of 32',
      wav(
        { tag: 0xfffe, bits: 32, extension: extension(24, PCM) },
        ints(
          fine.map((v) => v * 256),
          4,
        ),
      ),
      asFloats,
    ],
    ['32 bits', wav({ bits: 32 }, ints([0x40000000, -0x80000000], 4)), [0.5, -1]],
    ['64 bits', wav({ bits: 64 }, bytes(int(0, 4), int(0x40000000, 4), int(0, 4), int(-0x80000000, 4))), [0.5, -1]],
    ['64-bit floats', wav({ tag: 3, bits: 64 }, floats([0.25, -2], 8)), [0.25, -2]],
    [
      'mu-law with any bit depth',
      wav({ tag: 7, bits: 16, blockBytes: 1 }, [0x00, 0x80, 0xff, 0x7f]),
      [-32124, 32124, 0, -0].map((v) => v / 32768),
    ],
    ['A-law', wav({ tag: 6, bits: 8 }, [0xd5, 0x55, 0xaa, 0x2a]), [8, -8, 32256, -32256].map((v) => v / 32768)],
    ['two channels as their mean', wav({ channels: 2 }, ints([100, 300, -200, -200], 2)), [200 / 32768, -200 / 32768]],
  ];
  for (const [name, file, expectedSamples] of cases) {
    it(`reads ${name}`, async () => {
      const got = await read(file);
      assert.deepEqual(
        got.map((v) => v + 0),
        expectedSamples.map((v) => Math.fround(v) + 0),
      );
    });
  }

  it('reads the MPEG frames of a WAV file', async () => {
    const { samples: found, sampleRate } = await decode(fixture('mp3-in.wav'));
    assert.equal(sampleRate, 44100);
    assert.ok(Math.abs(found.length / sampleRate - 3.055) < 0.1);
  });
});
