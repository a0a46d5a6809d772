import assert from 'node:assert/strict';

import { decodeBuiltin as decode } from '../support/decode.js';
import { fixture } from '../support/paths.js';
import { bytes, chunk, int, ints, type Part } from '../support/audio-bytes.js';

const BIG = { big: true };
const values = [0, 16384, -16384, 32767, -32768, 1];
const expected = values.map((value) => value / 32768);
const bigEndian = ints(values, 2, BIG);
const littleEndian = ints(values, 2);
const MULAW = [0x00, 0x80, 0xff];
const muLaw = [-32124, 32124, 0].map((v) => v / 32768);
const ALAW = [0xd5, 0x55, 0xaa];
const aLaw = [8, -8, 32256].map((v) => v / 32768);
const FLOATS = [0.25, -0.5, 2];
const float = (size: 4 | 8, little = false): Buffer => {
  const out = Buffer.alloc(size * FLOATS.length);
  FLOATS.forEach((value, i) => {
    if (size === 4) out[little ? 'writeFloatLE' : 'writeFloatBE'](value, 4 * i);
    else out[little ? 'writeDoubleLE' : 'writeDoubleBE'](value, 8 * i);
  });
  return out;
};

async function reads(file: Uint8Array, expectedSamples: readonly number[], sampleRate = 16000): Promise<void> {
  const pcm = await decode(file);
  assert.deepEqual(
    [...pcm.samples].map((v) => v + 0),
    expectedSamples.map((v) => Math.fround(v) + 0),
  );
  assert.equal(pcm.sampleRate, sampleRate);
}

/** Encodes an 80-bit float. `fraction` is in units of 2^-32. */
function extended(whole: number, fraction = 0): Buffer {
  const exponent = Math.floor(Math.log2(whole));
  const mantissa = ((BigInt(whole) << 32n) | BigInt(fraction)) << BigInt(31 - exponent);
  const out = Buffer.alloc(10);
  out.writeUInt16BE(16383 + exponent);
  out.writeBigUInt64BE(mantissa, 2);
  return out;
}

const comm = (bits: number, { channels = 1, rate = extended(16000), type = '' } = {}): Buffer =>
  chunk('COMM', bytes(int(channels, 2, BIG), int(0, 4), int(bits, 2, BIG), rate, type, type && '\0\0'), BIG);
const ssnd = (samples: Part, { offset = 0, size }: { offset?: number; size?: number } = {}): Buffer =>
  chunk(
    'SSND',
    bytes(int(offset, 4, BIG), int(0, 4), Buffer.alloc(offset, 0x55), samples),
    size === undefined ? BIG : { big: true, size },
  );
const form = (kind: string, ...chunks: Part[]): Buffer => bytes('FORM', int(4, 4, BIG), kind, ...chunks);

describe('AIFF', () => {
  const cases: [string, Uint8Array, readonly number[]][] = [
    ['8 bits, signed', form('AIFF', comm(8), ssnd([0, 64, 0x80, 0x7f])), [0, 0.5, -1, 127 / 128]],
    [
      '12 bits in the upper bits',
      form('AIFF', comm(12), ssnd(ints([0x1230, -0x1230], 2, BIG))),
      [0x1230 / 32768, -0x1230 / 32768],
    ],
    ['16 bits', form('AIFF', comm(16), ssnd(bigEndian)), expected],
    ['20 bits in the upper bits', form('AIFF', comm(20), ssnd(ints([0x123450], 3, BIG))), [0x123450 / 2 ** 23]],
    ['24 bits', form('AIFF', comm(24), ssnd(ints([0x123456, -1], 3, BIG))), [0x123456 / 2 ** 23, -1 / 2 ** 23]],
    ['32 bits', form('AIFF', comm(32), ssnd(ints([0x40000000, -0x80000000], 4, BIG))), [0.5, -1]],
    ['sowt', form('AIFC', comm(16, { type: 'sowt' }), ssnd(littleEndian)), expected],
    ['twos', form('AIFC', comm(16, { type: 'twos' }), ssnd(bigEndian)), expected],
    ['raw', form('AIFC', comm(8, { type: 'raw ' }), ssnd([128, 192, 0])), [0, 0.5, -1]],
    ['in24', form('AIFC', comm(24, { type: 'in24' }), ssnd(ints([0x123456], 3, BIG))), [0x123456 / 2 ** 23]],
    ['in32', form('AIFC', comm(32, { type: 'in32' }), ssnd(ints([0x40000000], 4, BIG))), [0.5]],
    ['fl32', form('AIFC', comm(32, { type: 'fl32' }), ssnd(float(4))), FLOATS],
    ['FL64', form('AIFC', comm(64, { type: 'FL64' }), ssnd(float(8))), FLOATS],
    [
      'ulaw, whose bit depth is that of the decoded samples',
      form('AIFC', comm(16, { type: 'ulaw' }), ssnd(MULAW)),
      muLaw,
    ],
    ['ALAW', form('AIFC', comm(8, { type: 'ALAW' }), ssnd(ALAW)), aLaw],
    ['the format after the samples', form('AIFF', ssnd(bigEndian), comm(16)), expected],
    ['samples with an offset', form('AIFF', comm(16), ssnd(bigEndian, { offset: 6 })), expected],
    ['samples to the end of the file if the size is 0', form('AIFF', comm(16), ssnd(bigEndian, { size: 0 })), expected],
    [
      'samples to the end of the file if the size is too large',
      form('AIFF', comm(16), ssnd(bigEndian, { size: 0x7fffffff })),
      expected,
    ],
    [
      'a file with ID3 chunks, which are not audio',
      form(
        'AIFF',
        chunk('ID3 ', Buffer.alloc(99, 0x55), BIG),
        comm(16),
        ssnd(bigEndian),
        chunk('ID3 ', Buffer.alloc(50, 0x55), BIG),
      ),
      expected,
    ],
  ];
  for (const [name, file, expectedSamples] of cases) it(`reads ${name}`, () => reads(file, expectedSamples));

  it('rounds rates as ffmpeg does', async () => {
    await reads(form('AIFF', comm(16, { rate: extended(22254, 0x8ba2e8ba) }), ssnd(bigEndian)), expected, 22255);
    await reads(form('AIFF', comm(16, { rate: extended(11127, 0x45d1745d) }), ssnd(bigEndian)), expected, 11127);
  });

  it('rejects invalid rates', async () => {
    const odd = [
      '00000000000000000000',
      '7fff8000000000000000',
      '7fffc000000000000000',
      'c00dfa00000000000000',
      '0000ffffffffffffffff',
    ];
    for (const rate of odd) {
      const file = form('AIFF', comm(16, { rate: Buffer.from(rate, 'hex') }), ssnd(bigEndian));
      await assert.rejects(decode(file), { code: 'ERR_AUDIO_DECODE' }, rate);
    }
  });

  it('rejects other codecs, and files without a header or samples', async () => {
    const gsm = form('AIFC', comm(0, { type: 'GSM ' }), ssnd(Buffer.alloc(66)));
    for (const file of [
      gsm,
      form('AIFF', comm(16)),
      form('AIFF', ssnd(bigEndian)),
      form('AIFF', chunk('COMM', [0, 1], BIG)),
    ]) {
      await assert.rejects(decode(file), { code: 'ERR_AUDIO_DECODE' });
    }
  });

  it('reads 8-bit speech within a quantization step', async () => {
    const [wide, narrow] = [await decode(fixture('speech.wav')), await decode(fixture('ffs8.aiff'))];
    assert.equal(narrow.samples.length, wide.samples.length);
    const worst = narrow.samples.reduce((most, v, i) => Math.max(most, Math.abs(v - wide.samples[i]!)), 0);
    assert.ok(worst <= 1 / 128, `differs by ${worst}`);
  });
});

describe('CAF', () => {
  const big64 = (value: number): Buffer => int(value, 8, BIG);
  const f64 = (value: number): Buffer => {
    const out = Buffer.alloc(8);
    out.writeDoubleBE(value);
    return out;
  };
  const caf = (format: string, flags: number, bits: number, samples: Part, { container = bits / 8, size = -1, between = bytes() } = {}) =>
    bytes('caff\0\x01\0\0', 'desc', big64(32), f64(16000), format, ...[flags, container, 1, 1, bits].map((v) => int(v, 4, BIG)), between,
      ...['data', big64(size), int(0, 4), samples]); // prettier-ignore
  const cases: [string, Uint8Array, readonly number[]][] = [
    ['16 bits', caf('lpcm', 0, 16, bigEndian), expected],
    [
      '16 bits, little-endian, with a known size',
      caf('lpcm', 2, 16, bytes(littleEndian, 'free'), { size: 4 + littleEndian.length }),
      expected,
    ],
    ['8 bits, signed', caf('lpcm', 0, 8, [0, 64, 0x80]), [0, 0.5, -1]],
    ['24 bits', caf('lpcm', 0, 24, ints([0x123456], 3, BIG)), [0x123456 / 2 ** 23]],
    ['24 bits in 4 bytes', caf('lpcm', 2, 24, ints([0x12345600], 4), { container: 4 }), [0x123456 / 2 ** 23]],
    ['floats', caf('lpcm', 3, 32, float(4, true)), FLOATS],
    ['64-bit floats', caf('lpcm', 1, 64, float(8)), FLOATS],
    ['mu-law', caf('ulaw', 0, 8, MULAW), muLaw],
    ['A-law', caf('alaw', 0, 8, ALAW), aLaw],
    [
      'a file with chunks between the header and the samples',
      caf('lpcm', 0, 16, bigEndian, { between: bytes('info', big64(3), 'abc') }),
      expected,
    ],
  ];
  for (const [name, file, expectedSamples] of cases) it(`reads ${name}`, () => reads(file, expectedSamples));

  it('rejects other codecs and damaged headers', async () => {
    const broken = [
      caf('MAC3', 0, 0, [1, 2, 3, 4], { container: 2 }),
      caf('lpcm', 1, 16, bigEndian),
      bytes('caff\0\x01\0\0'),
    ];
    for (const file of broken) await assert.rejects(decode(file), { code: 'ERR_AUDIO_DECODE' });
  });
});

describe('AU', () => {
  const au = (
    code: number,
    samples: Part,
    { big = true, magic = '.snd', size = 0xffffffff, start = 28, rate = 16000 } = {},
  ) => bytes(magic, ...[start, size, code, rate, 1].map((v) => int(v, 4, { big })), 'note', samples);
  const cases: [string, Uint8Array, readonly number[]][] = [
    ['mu-law', au(1, MULAW), muLaw],
    ['A-law', au(27, ALAW), aLaw],
    ['8 bits', au(2, [0, 64, 0x80]), [0, 0.5, -1]],
    ['16 bits', au(3, bigEndian), expected],
    ['24 bits', au(4, ints([0x123456], 3, BIG)), [0x123456 / 2 ** 23]],
    ['32 bits', au(5, ints([0x40000000], 4, BIG)), [0.5]],
    ['floats', au(6, float(4)), FLOATS],
    ['64-bit floats', au(7, float(8)), FLOATS],
    ['little-endian files', au(3, littleEndian, { big: false, magic: 'dns.' }), expected],
    ['files of DEC', au(3, littleEndian, { big: false, magic: '\0ds.' }), expected],
    ['a file whose size was never written', au(3, bigEndian, { size: 0 }), expected],
    ['no data after the samples', au(3, bytes(bigEndian, 'xxxx'), { size: 12 }), expected],
  ];
  for (const [name, file, expectedSamples] of cases) it(`reads ${name}`, () => reads(file, expectedSamples));

  it('rejects other codecs and false headers', async () => {
    for (const file of [
      au(23, bigEndian),
      au(3, bigEndian, { start: 4 }),
      au(3, bigEndian, { start: 0xffffffff }),
      bytes('.snd'),
    ]) {
      await assert.rejects(decode(file), { code: 'ERR_AUDIO_DECODE' });
    }
  });

  it('reads speech to the bit', async () => {
    assert.deepEqual((await decode(fixture('au.au'))).samples, (await decode(fixture('speech.wav'))).samples);
  });
});

describe('SPHERE, VOC and IRCAM', () => {
  const sphere = (fields: string, samples: Part): Buffer =>
    bytes(`NIST_1A\n   1024\n${fields}\nend_head\n`.padEnd(1024), samples);
  const head = 'sample_rate -i 16000\nchannel_count -i 1';
  it('reads NIST SPHERE in either byte order, and G.711', async () => {
    await reads(
      sphere(`${head}\nsample_n_bytes -i 2\nsample_byte_format -s2 01\nsample_coding -s3 pcm`, littleEndian),
      expected,
    );
    await reads(sphere(`${head}\nsample_n_bytes -i 2\nsample_byte_format -s2 10`, bigEndian), expected);
    await reads(sphere(`${head}\nsample_n_bytes -i 1\nsample_coding -s4 ulaw`, MULAW), muLaw);
    await reads(sphere(`${head}\nsample_n_bytes -i 2\nsample_count -i 6`, bytes(littleEndian, 'abcd')), expected);
    const shortened = sphere(
      `${head}\nsample_n_bytes -i 2\nsample_coding -s26 pcm,embedded-shorten-v2.00`,
      littleEndian,
    );
    await assert.rejects(decode(shortened), { code: 'ERR_AUDIO_DECODE' });
    await assert.rejects(decode(sphere('sample_n_bytes -i 2', littleEndian)), { code: 'ERR_AUDIO_DECODE' });
  });

  it('reads VOC with one or several blocks', async () => {
    const voc = (...blocks: Buffer[]) =>
      bytes('Creative Voice File\x1a', int(26, 2), int(0x0114, 2), int(0x111f, 2), ...blocks, [0]);
    const block = (type: number, content: Buffer) => bytes([type], int(content.length, 3), content);
    const sound = (codec: number, bits: number, samples: Part) =>
      block(9, bytes(int(16000, 4), [bits, 1], int(codec, 2), int(0, 4), samples));
    await reads(voc(sound(4, 16, littleEndian)), expected);
    await reads(voc(sound(4, 16, littleEndian.subarray(0, 4)), block(2, littleEndian.subarray(4))), expected);
    await reads(voc(sound(7, 8, MULAW)), muLaw);
    await reads(
      voc(block(5, bytes('a comment\0')), block(1, bytes([256 - 125, 0], [0, 64, 128]))),
      [-1, -0.5, 0],
      8000,
    );
    await assert.rejects(decode(voc(sound(1, 4, littleEndian))), { code: 'ERR_AUDIO_DECODE' });
    await assert.rejects(decode(voc()), { code: 'ERR_AUDIO_DECODE' });
  });

  it('reads IRCAM in either byte order', async () => {
    const rate = Buffer.alloc(4);
    rate.writeFloatLE(16000);
    await reads(bytes([0x64, 0xa3, 1, 0], rate, int(1, 4), int(2, 4), Buffer.alloc(1008), littleEndian), expected);
    const swapped = bytes(
      [0x64, 0xa3, 2, 0],
      Buffer.from(rate).reverse(),
      int(1, 4, BIG),
      int(2, 4, BIG),
      Buffer.alloc(1008),
      bigEndian,
    );
    await reads(swapped, expected);
  });
});

describe('samples without a header', () => {
  it('are read in the format that the caller states', async () => {
    const as = async (encoding: string, content: Part, channels?: number) =>
      [
        ...(await decode(bytes(content), { raw: { encoding, sampleRate: 8000, channels: channels ?? 1 } as never }))
          .samples,
      ].map((v) => v + 0);
    assert.deepEqual(
      await as('mulaw', MULAW),
      muLaw.map((v) => v + 0),
    );
    assert.deepEqual(await as('alaw', ALAW), aLaw);
    assert.deepEqual(await as('s16le', littleEndian), expected.map(Math.fround));
    assert.deepEqual(await as('s16be', bigEndian), expected.map(Math.fround));
    assert.deepEqual(await as('s16le', ints([100, 300], 2), 2), [200 / 32768]);
    assert.deepEqual(await as('u8', [0, 192]), [-1, 0.5]);
    assert.deepEqual(await as('s8', [0x80, 64]), [-1, 0.5]);
    assert.deepEqual(await as('s24le', ints([0x400000], 3)), [0.5]);
    assert.deepEqual(await as('s32le', ints([0x40000000], 4)), [0.5]);
    assert.deepEqual(await as('f32le', float(4, true)), FLOATS);
    assert.equal((await as('mulaw', bytes('RIFF\0\0\0\0WAVEfmt '))).length, 16, 'even if they look like a header');
    await assert.rejects(as('s16le', [1]), { code: 'ERR_AUDIO_TOO_SHORT' });
  });
});
