import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';

import { UnsupportedFormatError } from '../../../lib/audio/decode-errors.js';
import { decodeEncoded } from '../../../lib/audio/formats/encoded/decode.js';
import { fixture } from '../../support/paths.js';
import { collect } from '../../support/blocks.js';

const read = (name: string): Buffer => readFileSync(fixture(name));
const decode = (bytes: Uint8Array) => collect(decodeEncoded(bytes));
/** Samples 8000 to 16000 of the speech. */
const half = async (): Promise<Float32Array> => (await decode(read('speech.flac')))[0]!.samples.slice(8000, 16000);

/** Returns a copy of a file with a box modified. */
function changed(bytes: Buffer, type: string, edit: (at: number, copy: Buffer) => void): Buffer {
  const copy = Buffer.from(bytes);
  const at = copy.indexOf(type, 0, 'latin1');
  assert.ok(at > 0, type);
  edit(at, copy);
  return copy;
}

describe('MP4', () => {
  it('decodes ALAC and PCM to the bit', async () => {
    const expected = await half();
    for (const name of ['half.alac.m4a', 'half.mov']) {
      const [run] = await decode(read(name));
      assert.equal(run!.sampleRate, 16000);
      assert.equal(run!.samples.length, 8000);
      assert.ok(
        run!.samples.every((sample, i) => sample === expected[i]),
        name,
      );
    }
  });

  it('decodes AAC without an offset and at the correct level, from a file, from fragments and without a container', async () => {
    const expected = await half();
    for (const [name, late] of [
      ['half.frag.m4a', 1024],
      ['half.aac', 1024],
    ] as const) {
      const [run] = await decode(read(name));
      const samples = run!.samples.subarray(late);
      const dot = (a: Float32Array, b: Float32Array) =>
        expected.reduce((sum, _, i) => sum + (a[i] ?? 0) * (b[i] ?? 0), 0);
      const similarity = dot(samples, expected) / Math.sqrt(dot(samples, samples) * dot(expected, expected));
      assert.ok(similarity > 0.9, `${name}: ${similarity}`); // the loss of the codec at 32 kbit/s
      assert.ok(Math.abs(10 * Math.log10(dot(samples, samples) / dot(expected, expected))) < 1);
    }
    const [whole] = await decode(read('speech.m4a'));
    assert.ok(Math.abs(whole!.samples.length - 48_874) <= 1024, 'what the encoder puts before it is left out');
  });

  it('rejects encrypted files', async () => {
    const bytes = read('speech.m4a');
    for (const type of ['enca', 'drms']) {
      const locked = changed(bytes, 'mp4a', (at, copy) => copy.write(type, at, 'latin1'));
      await assert.rejects(
        decode(locked),
        (error: Error) => !(error instanceof UnsupportedFormatError) && /encrypted/.test(error.message),
      );
    }
  });

  it('names unsupported kinds of AAC', async () => {
    for (const [objectType, name] of [
      [1, /Main/],
      [5, /HE-AAC/],
      [29, /HE-AAC v2/],
      [23, /LD/],
    ] as const) {
      const other = changed(read('speech.m4a'), 'esds', (at, copy) => {
        const config = copy.indexOf(Buffer.from([5, 0x80, 0x80, 0x80]), at) + 5;
        copy[config] = (objectType << 3) | (copy[config]! & 7);
      });
      await assert.rejects(
        decode(other),
        (error) => error instanceof UnsupportedFormatError && name.test(error.message),
      );
    }
    for (const type of ['ac-3', 'ec-3', 'dtsc', 'xyzw']) {
      const other = changed(read('speech.m4a'), 'mp4a', (at, copy) => copy.write(type, at, 'latin1'));
      await assert.rejects(decode(other), UnsupportedFormatError);
    }
  });

  it('does not trust the counts and offsets of its tables', async () => {
    const bytes = read('speech.m4a');
    for (const type of ['stsz', 'stco', 'stsc', 'stts', 'stsd', 'elst']) {
      for (let word = 0; word < 5; word++) {
        for (const value of [0xffffffff, 0x7fffffff, 0]) {
          const odd = changed(bytes, type, (at, copy) => copy.writeUInt32BE(value, at + 8 + 4 * word));
          const runs = await decode(odd).catch((error: Error) =>
            assert.ok(!(error instanceof RangeError), String(error)),
          );
          if (runs) for (const { samples } of runs) assert.ok(samples.length < 60 * 16000, `${type} ${word}`);
        }
      }
    }
  });

  it('decodes the same samples if the index comes first', async () => {
    const bytes = read('speech.m4a');
    const [moov, mdat] = ['moov', 'mdat'].map((type) => bytes.indexOf(type, 0, 'latin1') - 4);
    assert.ok(mdat! < moov!);
    const index = changed(bytes.subarray(moov), 'stco', (at, copy) => {
      for (let i = 0; i < copy.readUInt32BE(at + 8); i++)
        copy.writeUInt32BE(copy.readUInt32BE(at + 12 + 4 * i) + copy.length, at + 12 + 4 * i);
    });
    const moved = Buffer.concat([bytes.subarray(0, mdat), index, bytes.subarray(mdat, moov)]);
    assert.deepEqual(await decode(moved), await decode(bytes));
  });
});
