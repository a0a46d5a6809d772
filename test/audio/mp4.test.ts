import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';

import { decodeAudio } from '../../lib/audio/decode.js';
import { indexFirst } from '../../lib/audio/formats/encoded/mp4.js';
import { fixture } from '../support/paths.js';

const file = new Uint8Array(readFileSync(fixture('speech.m4a'))); // its index lies behind the samples
const order = (bytes: Uint8Array): number[] =>
  ['moov', 'mdat'].map((type) => Buffer.from(bytes).indexOf(type, 'latin1'));

async function decode(bytes: Uint8Array): Promise<Float32Array> {
  const { pcm, lease } = await decodeAudio(bytes);
  lease.release();
  return pcm.samples;
}

describe('an MP4 whose index comes last', () => {
  it('has it first, with the same samples', async () => {
    const moved = indexFirst(file);
    assert.ok(order(file)[0]! > order(file)[1]! && order(moved)[0]! < order(moved)[1]!);
    assert.equal(moved.length, file.length);
    assert.deepEqual(await decode(moved), await decode(file));
    assert.equal(indexFirst(moved), moved, 'once');
  });

  it('stays as it is where it is no such thing', () => {
    for (const bytes of [
      new Uint8Array(0),
      new Uint8Array(7),
      file.subarray(0, 40),
      file.subarray(0, file.length - 100),
    ]) {
      assert.equal(indexFirst(bytes), bytes);
    }
  });

  it('does no harm whatever its tables say', () => {
    const index = order(file)[0]! - 4;
    for (let at = index; at < file.length; at += 3) {
      const odd = file.slice();
      odd.fill(0xff, at, at + 4);
      const moved = indexFirst(odd);
      assert.ok(moved === odd || moved.length === odd.length);
    }
  });
});
