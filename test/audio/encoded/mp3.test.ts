import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';

import { decodeAudio } from '../../../lib/audio/decode.js';
import { decodeMp3 } from '../../../lib/audio/formats/encoded/codecs/mp3.js';
import { decodeEncoded } from '../../../lib/audio/formats/encoded/decode.js';
import { fixture } from '../../support/paths.js';
import { collect } from '../../support/blocks.js';

const SECONDS = 3.055; // length of the speech in all files
const speech = readFileSync(fixture('speech.mp3'));

async function secondsOf(bytes: Uint8Array): Promise<number> {
  const { duration, lease } = await decodeAudio(bytes, { rate: 16000 });
  lease.release();
  return duration;
}

function id3(body: Buffer, { size = body.length, version = 3, flags = 0 } = {}): Buffer {
  const digits = [21, 14, 7, 0].map((shift) => (size >> shift) & 127);
  return Buffer.concat([Buffer.from('ID3'), Buffer.from([version, 0, flags, ...digits]), body]);
}

describe('MP3 framing', () => {
  it('recognizes an encoder’s tag in the first frame only, not in a title', async () => {
    assert.ok(Math.abs((await secondsOf(readFileSync(fixture('titled.mp3')))) - SECONDS) < 0.002);
    const title = id3(Buffer.from('TIT2\0\0\0\x08\0\0\0Xing\0\0\0\x03\xff\xff\xff\xff\xff\xff\xff\xff', 'latin1'));
    assert.ok(Math.abs((await secondsOf(Buffer.concat([title, speech]))) - SECONDS) < 0.002);
  });

  const fronts: [string, Buffer][] = [
    ['two ID3 tags', Buffer.concat([id3(Buffer.alloc(40)), id3(Buffer.from('Info for you'))])],
    [
      'an ID3 tag with a footer',
      Buffer.concat([id3(Buffer.alloc(5), { version: 4, flags: 0x10 }), Buffer.from('3DI\x04\0\x10\0\0\0\x05')]),
    ],
    ['an ID3 tag that claims to be larger than the file', id3(Buffer.alloc(30), { size: 10_000_000 })],
    ['zeros', Buffer.alloc(5000)],
    ['zeros after an ID3 tag', Buffer.concat([id3(Buffer.alloc(10)), Buffer.alloc(3000)])],
    ['an ICY header', Buffer.from('ICY 200 OK\r\nicy-name: Radio\r\nContent-Type: audio/mpeg\r\n\r\n')],
    ['an HTTP header', Buffer.from('HTTP/1.0 200 OK\r\nContent-Type: audio/mpeg\r\n\r\n')],
    ['garbage', Buffer.from(Array.from({ length: 3000 }, (_, i) => (i * 7919) % 251))],
    ['a frame of another rate', Buffer.from([0xff, 0xfb, 0x90, 0xc4, 1, 2, 3, 4, 5, 6, 7])],
  ];
  for (const [what, front] of fronts) {
    it(`may be preceded by ${what}`, async () => {
      const [expected] = await collect(decodeEncoded(speech));
      assert.deepEqual(await collect(decodeEncoded(Buffer.concat([front, speech]))), [expected]);
    });
  }

  it('ignores tags at the end', async () => {
    const [expected] = await collect(decodeEncoded(speech));
    const ape = Buffer.alloc(132);
    ape.write('APETAGEX', 0, 'latin1');
    ape.writeUInt32LE(100, 12);
    ape.writeUInt32LE(0xa0000000, 20);
    for (const back of [
      Buffer.from('TAG'.padEnd(128, '\xff')),
      ape,
      Buffer.from(`LYRICSBEGIN${'\xff\xfb\x90'.repeat(9)}LYRICS200`, 'latin1'),
    ]) {
      assert.deepEqual(await collect(decodeEncoded(Buffer.concat([speech, back]))), [expected]);
    }
  });

  it('removes the titles of a radio stream between frames', async () => {
    const every = 512;
    const title = Buffer.alloc(17);
    title.write('\x01StreamTitle=\xff\xfb;', 'latin1');
    const parts: Buffer[] = [Buffer.from(`ICY 200 OK\r\nicy-metaint:${every}\r\n\r\n`)];
    for (let at = 0; at < speech.length; at += every) {
      parts.push(speech.subarray(at, at + every));
      if (at + every <= speech.length) parts.push(at % 2048 === 0 ? title : Buffer.alloc(1));
    }
    assert.deepEqual(await collect(decodeEncoded(Buffer.concat(parts))), await collect(decodeEncoded(speech)));
  });

  it('decodes each of several joined files at its own rate', async () => {
    const runs = await collect(decodeMp3(readFileSync(fixture('cat-rates.mp3'))));
    assert.deepEqual(
      runs.map(({ sampleRate }) => sampleRate),
      [44100, 22050],
    );
    for (const { samples, sampleRate } of runs) assert.ok(Math.abs(samples.length / sampleRate - SECONDS) < 0.002);
    const [one] = await collect(decodeMp3(speech));
    const [twice, ...more] = await collect(decodeMp3(Buffer.concat([speech, speech])));
    assert.equal(more.length, 0);
    assert.equal(twice!.samples.length, 2 * one!.samples.length);
    assert.deepEqual(twice!.samples.slice(one!.samples.length), one!.samples);
  });

  it('rejects free format, of which the decoder would return a part only', async () => {
    await assert.rejects(secondsOf(readFileSync(fixture('freeformat.mp3'))), { code: 'ERR_AUDIO_DECODE' });
  });

  it('ends for any frames', async () => {
    const frames = Buffer.alloc(200_000);
    for (let at = 0; at + 4 < frames.length; at += 4) frames.writeUInt32BE(at % 3 === 0 ? 0xfffb0064 : 0xfff30064, at);
    await assert.rejects(secondsOf(frames), { code: 'ERR_AUDIO_DECODE' });
  });
});
