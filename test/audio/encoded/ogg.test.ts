import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';

import { decodeEncoded } from '../../../lib/audio/formats/encoded/decode.js';
import { UnsupportedFormatError } from '../../../lib/audio/decode-errors.js';
import { fixture } from '../../support/paths.js';
import { collect } from '../../support/blocks.js';

const read = (name: string): Buffer => readFileSync(fixture(name));
const decode = (bytes: Uint8Array) => collect(decodeEncoded(bytes));

/** Returns pages with another serial number. */
function renumbered(bytes: Buffer, serial: number): Buffer {
  const copy = Buffer.from(bytes);
  for (let at = 0; (at = copy.indexOf('OggS\0', at, 'latin1')) >= 0; at += 27) copy.writeUInt32LE(serial, at + 14);
  return copy;
}

/** Returns the positions of the pages. */
function pagesOf(bytes: Buffer): Buffer[] {
  const starts: number[] = [];
  for (let at = 0; (at = bytes.indexOf('OggS\0', at, 'latin1')) >= 0; at += 27) starts.push(at);
  return starts.map((start, i) => bytes.subarray(start, starts[i + 1] ?? bytes.length));
}

describe('Ogg', () => {
  it('decodes each link of a chain at its own rate and with its own channels', async () => {
    const [vorbis, opus] = [read('speech.ogg'), read('speech.opus')];
    const parts = [await decode(vorbis), await decode(opus)];
    assert.deepEqual(
      parts.flat().map(({ sampleRate }) => sampleRate),
      [16000, 48000],
    );
    assert.deepEqual(await decode(Buffer.concat([vorbis, opus])), parts.flat());
    assert.deepEqual(await decode(Buffer.concat([opus, vorbis])), parts.reverse().flat());
    const [twice] = await decode(Buffer.concat([opus, opus])); // the same serial number again
    assert.equal(twice!.samples.length, 2 * parts[0]![0]!.samples.length);
  });

  it('decodes the first audio stream of several multiplexed ones', async () => {
    const [other, ...rest] = pagesOf(renumbered(read('speech.ogg'), 77));
    const theora = Buffer.from(other!);
    theora.write('\x80theora', 28, 'latin1');
    const [head, ...pages] = pagesOf(renumbered(read('one.opus'), 5));
    const mixed = [theora, head!, ...rest.slice(0, 2), ...pages, ...rest.slice(2)];
    assert.deepEqual(await decode(Buffer.concat(mixed)), await decode(read('one.opus')));
  });

  it('names an unsupported codec', async () => {
    const speex = Buffer.from(read('one.opus'));
    speex.write('Speex   ', 28, 'latin1');
    await assert.rejects(
      decode(speex),
      (error) => error instanceof UnsupportedFormatError && /Speex/.test(error.message),
    );
  });

  it('applies the gain, the start and the end of Opus in the header and on the last page', async () => {
    const bytes = read('one.opus');
    const [plain] = await decode(bytes);
    const louder = Buffer.from(bytes);
    louder.writeInt16LE(-6 * 256, 28 + 16);
    const [quiet] = await decode(louder);
    const energy = (samples: Float32Array): number => samples.reduce((sum, sample) => sum + sample * sample, 0);
    const decibels = 10 * Math.log10(energy(quiet!.samples) / energy(plain!.samples));
    assert.ok(Math.abs(decibels + 6) < 0.05, `${decibels} dB`);
    const later = Buffer.from(bytes);
    later.writeUInt16LE(bytes.readUInt16LE(28 + 10) + 480, 28 + 10);
    assert.deepEqual((await decode(later))[0]!.samples, plain!.samples.slice(480));
    const shorter = Buffer.from(bytes);
    const last = shorter.lastIndexOf('OggS', undefined, 'latin1');
    shorter.writeBigInt64LE(shorter.readBigInt64LE(last + 6) - 100n, last + 6);
    assert.deepEqual((await decode(shorter))[0]!.samples, plain!.samples.slice(0, -100));
  });

  it('ignores impossible granule positions', async () => {
    const bytes = read('one.opus');
    const [plain] = await decode(bytes);
    for (const granule of [2n ** 62n, -1n]) {
      const odd = Buffer.from(bytes);
      odd.writeBigInt64LE(granule, odd.lastIndexOf('OggS', undefined, 'latin1') + 6);
      const [run] = await decode(odd);
      assert.ok(run!.samples.length >= plain!.samples.length && run!.samples.length < plain!.samples.length + 5760);
    }
    const wide = Buffer.from(bytes);
    wide[28 + 9] = 255;
    wide[28 + 18] = 255;
    await assert.rejects(decode(wide));
    await assert.rejects(decode(Buffer.concat(new Array<Buffer>(600).fill(pagesOf(bytes)[0]!))));
  });

  it('continues after other data between pages', async () => {
    const pages = pagesOf(read('speech.ogg'));
    const torn = Buffer.concat(pages.flatMap((page) => [page, Buffer.from('OggX garbage')]));
    assert.deepEqual(await decode(torn), await decode(read('speech.ogg')));
  });
});
