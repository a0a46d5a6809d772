import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { deflateSync } from 'node:zlib';

import { UnsupportedFormatError } from '../../../lib/audio/decode-errors.js';
import { decodeEncoded } from '../../../lib/audio/formats/encoded/decode.js';
import { fixture } from '../../support/paths.js';
import { collect } from '../../support/blocks.js';

const decode = (bytes: Uint8Array) => collect(decodeEncoded(bytes));

/** Returns an element. `unknown`: without a size, as in live streams. */
function element(id: string, body: Buffer | Buffer[], unknown = false): Buffer {
  const whole = Array.isArray(body) ? Buffer.concat(body) : body;
  const size = Buffer.alloc(8);
  size.writeBigUInt64BE(unknown ? 2n ** 57n - 1n : BigInt(whole.length) + 2n ** 56n);
  return Buffer.concat([Buffer.from(id, 'hex'), size, whole]);
}

const text = (value: string): Buffer => Buffer.from(value, 'latin1');
const byte = (...values: number[]): Buffer => Buffer.from(values);

interface Track {
  codec?: string;
  number?: number;
  extra?: Buffer[];
  isDefault?: number;
}

function track({ codec = 'A_PCM/INT/LIT', number = 1, extra = [], isDefault = 1 }: Track = {}): Buffer {
  const rate = Buffer.alloc(4);
  rate.writeFloatBE(16000);
  const audio = element('e1', [element('b5', rate), element('9f', byte(1)), element('6264', byte(16))]);
  const fields = [
    element('d7', byte(number)),
    element('83', byte(2)),
    element('88', byte(isDefault)),
    element('86', text(codec)),
  ];
  return element('ae', [...fields, audio, ...extra]);
}

function file(tracks: Buffer[], blocks: Buffer[], unknown = false): Buffer {
  const cluster = element('1f43b675', [element('e7', byte(0)), ...blocks], unknown);
  return Buffer.concat([
    element('1a45dfa3', element('4282', text('matroska'))),
    element('18538067', [element('1654ae6b', tracks), cluster], unknown),
  ]);
}

const block = (body: Buffer, flags = 0, number = 1): Buffer => element('a3', [byte(0x80 | number, 0, 0, flags), body]);

/** Returns 16-bit samples whose values are their indexes. */
function pcm(from: number, count: number): Buffer {
  const bytes = Buffer.alloc(2 * count);
  for (let i = 0; i < count; i++) bytes.writeInt16LE(from + i, 2 * i);
  return bytes;
}

async function numbers(bytes: Buffer): Promise<number[]> {
  const [run] = await decode(bytes);
  return Array.from(run!.samples, (sample) => sample * 32768);
}

const upTo = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

describe('Matroska', () => {
  it('decodes FLAC to the bit', async () => {
    const [run] = await decode(readFileSync(fixture('half.flac.mkv')));
    const [speech] = await decode(readFileSync(fixture('speech.flac')));
    assert.deepEqual(run!.samples, speech!.samples.slice(8000, 16000));
  });

  it('separates the frames of a block with each kind of lacing', async () => {
    const frames = [pcm(0, 3), pcm(3, 200), pcm(203, 5), pcm(208, 5)];
    const all = Buffer.concat(frames);
    const xiph = Buffer.concat([byte(3, 6, 255, 145, 10), all]);
    assert.deepEqual(await numbers(file([track()], [block(xiph, 0x02)])), upTo(213));
    const even = Buffer.concat([byte(1), pcm(0, 10)]);
    assert.deepEqual(await numbers(file([track()], [block(even, 0x04)])), upTo(10));
    const differences = Buffer.concat([byte(2, 0x86, 0xbf + 4), pcm(0, 3), pcm(3, 5), pcm(8, 2)]); // 6, then 4 more
    assert.deepEqual(await numbers(file([track()], [block(differences, 0x06)])), upTo(10));
  });

  it('reads segments and clusters of unknown size', async () => {
    assert.deepEqual(await numbers(file([track()], [block(pcm(0, 4)), block(pcm(4, 4))], true)), upTo(8));
  });

  it('reverses content encodings', async () => {
    const packed = (...fields: Buffer[]) => [element('6d80', element('6240', fields))];
    const stripped = packed(element('5034', [element('4254', byte(3)), element('4255', byte(0, 0))]));
    assert.deepEqual(await numbers(file([track({ extra: stripped })], [block(pcm(0, 4).subarray(2))])), upTo(4));
    const zipped = packed(element('5034', element('4254', byte(0))));
    assert.deepEqual(await numbers(file([track({ extra: zipped })], [block(deflateSync(pcm(0, 9)))])), upTo(9));
    const bomb = deflateSync(Buffer.alloc(50_000_000));
    await assert.rejects(decode(file([track({ extra: zipped })], [block(bomb)])));
    const odd = packed(element('5034', element('4254', byte(2))));
    await assert.rejects(decode(file([track({ extra: odd })], [block(pcm(0, 4))])), UnsupportedFormatError);
    const locked = packed(element('5035', byte()));
    await assert.rejects(decode(file([track({ extra: locked })], [block(pcm(0, 4))])), /encrypted/);
  });

  it('removes delay and padding', async () => {
    const delay = element('56aa', Buffer.from((2n * 62_500n).toString(16).padStart(8, '0'), 'hex')); // 2 samples
    const last = element('a0', [
      element('a1', [byte(0x81, 0, 0, 0), pcm(6, 4)]),
      element('75a2', Buffer.from((62_500).toString(16).padStart(8, '0'), 'hex')),
    ]);
    assert.deepEqual(await numbers(file([track({ extra: [delay] })], [block(pcm(0, 6)), last])), [2, 3, 4, 5, 6, 7, 8]);
  });

  it('decodes the default track of several', async () => {
    const tracks = [track({ isDefault: 0 }), track({ number: 2 })];
    assert.deepEqual(await numbers(file(tracks, [block(pcm(90, 4)), block(pcm(0, 4), 0, 2)])), upTo(4));
  });

  it('names an unsupported codec', async () => {
    for (const codec of ['A_AC3', 'A_DTS', 'A_REAL/COOK']) {
      await assert.rejects(decode(file([track({ codec })], [block(pcm(0, 4))])), UnsupportedFormatError);
    }
  });

  it('continues with the next cluster after lost bytes', async () => {
    const whole = file([track()], [block(pcm(0, 4))]);
    const more = element('1f43b675', [element('e7', byte(1)), block(pcm(4, 4))]);
    assert.deepEqual(await numbers(Buffer.concat([whole, Buffer.alloc(50), more])), upTo(8));
  });
});
