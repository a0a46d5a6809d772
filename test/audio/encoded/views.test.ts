import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';

import { decodeAudio } from '../../../lib/audio/decode.js';
import { decodeEncoded } from '../../../lib/audio/formats/encoded/decode.js';
import { openAudio } from '../../../lib/audio/formats/open.js';
import { fixture } from '../../support/paths.js';
import { collect } from '../../support/blocks.js';

const FILES = [
  'one.opus',
  'speech.ogg',
  'speech.mp3',
  'speech.m4a',
  'speech.webm',
  'speech.flac',
  'speech.amr',
  'half.alac.m4a',
  'half.aac',
  'half.flac.mkv',
  'half.frag.m4a',
  'half.mkv',
  'half.mov',
  'half.wv',
];

describe('bytes that are a view of a larger buffer', () => {
  for (const name of FILES) {
    it(`${name}: the same samples at any offset`, async () => {
      const bytes = new Uint8Array(readFileSync(fixture(name))); // has a buffer of its own
      const expected = await collect(decodeEncoded(bytes));
      assert.ok(expected.length > 0 && expected[0]!.samples.some((sample) => Math.abs(sample) > 0.01));
      const around = new Uint8Array(bytes.length + 16).fill(0xa5);
      around.set(bytes, 3);
      const view = around.subarray(3, 3 + bytes.length);
      const pooled = Buffer.from(around.buffer, 3, bytes.length);
      for (const given of [view, pooled]) {
        const copy = given.slice(); // `slice` of a Buffer does not copy
        assert.deepEqual(await collect(openAudio(given, name).blocks as AsyncIterable<never>), expected);
        assert.deepEqual(given, copy, 'they are left as they are');
      }
    });
  }

  it('a small file is decoded the same by its path and from its bytes', async () => {
    const [path, bytes] = [fixture('one.opus'), readFileSync(fixture('one.opus'))];
    const [byPath, byBytes] = [await decodeAudio(path, { rate: 16000 }), await decodeAudio(bytes, { rate: 16000 })];
    for (const { lease } of [byPath, byBytes]) lease.release();
    assert.deepEqual(byPath.pcm, byBytes.pcm);
    assert.ok(Math.abs(byPath.duration - 1) < 0.02);
  });
});
