import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';

import { type EncodedFormat, identify } from '../../lib/audio/formats/identify.js';
import { fixture } from '../support/paths.js';

const latin1 = (text: string): Buffer => Buffer.concat([Buffer.from(text, 'latin1'), Buffer.alloc(1200)]);

describe('identify', () => {
  const known: [string, EncodedFormat][] = [
    ['speech.mp3', 'mpeg'],
    ['titled.mp3', 'mpeg'],
    ['half.aac', 'adts'],
    ['speech.amr', 'amr'],
    ['speech.flac', 'flac'],
    ['speech.webm', 'matroska'],
    ['half.mkv', 'matroska'],
    ['speech.m4a', 'mp4'],
    ['half.mov', 'mp4'],
    ['speech.ogg', 'ogg'],
    ['one.opus', 'ogg'],
    ['half.wv', 'wavpack'],
  ];
  for (const [name, format] of known) {
    it(`${name}: ${format}, also after an ID3 tag and zeros`, () => {
      const bytes = readFileSync(fixture(name));
      assert.equal(identify(bytes).format, format);
      const tagged = Buffer.concat([
        Buffer.from('ID3\x03\0\0\0\0\0\x0a0123456789', 'latin1'),
        Buffer.alloc(100),
        bytes,
      ]);
      if (format !== 'mp4') assert.equal(identify(tagged).format, format); // zeros before a box would be its size
    });
  }

  const refused: [string, Buffer, RegExp][] = [
    ['a HEIF image', latin1('\0\0\0\x18ftypheic'), /image/],
    ['an AVIF image', latin1('\0\0\0\x18ftypavif'), /image/],
    ['MIDI', latin1('MThd\0\0\0\x06'), /MIDI/],
    ['Windows Media', latin1('\x30\x26\xb2\x75\x8e\x66\xcf\x11'), /Windows Media/],
    ['AC-3', latin1('\x0b\x77\0\0\0\0'), /AC-3/],
    ['DTS', latin1('\x7f\xfe\x80\x01'), /DTS/],
    ['a tracker module', Buffer.from(latin1('').fill('M.K.', 1080, 1084)), /tracker/],
    ['AVI', latin1('RIFF\0\0\0\0AVI LIST'), /AVI/],
  ];
  for (const [what, bytes, name] of refused) {
    it(`names ${what}`, () => {
      const found = identify(bytes);
      assert.equal(found.format, undefined);
      assert.match(found.name ?? '', name);
    });
  }

  it('does not take two bytes that look like a frame for an MP3', () => {
    const noise = Buffer.alloc(100_000);
    for (let i = 0, seed = 1; i < noise.length; i++)
      noise[i] = (seed = (Math.imul(seed, 1664525) + 1013904223) | 0) >>> 24;
    noise[0] = 0xff;
    noise[1] = 0xfb;
    for (let at = 0; at < 3000; at += 100) noise.writeUInt16BE(0xfffb, at);
    for (const bytes of [
      noise,
      Buffer.alloc(5000),
      Buffer.alloc(5000, 0xff),
      Buffer.from([0xff, 0xfb]),
      Buffer.alloc(0),
    ]) {
      assert.deepEqual(identify(bytes), { format: undefined, name: undefined, start: 0 });
    }
  });
});
