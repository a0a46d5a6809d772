import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';

import { MonoAudio } from '../../lib/audio/mono-audio.js';
import { maxSecondsFor } from '../../lib/audio/audio-limits.js';
import { decodeBuiltin as decode } from '../support/decode.js';
import { fixture } from '../support/paths.js';
import { clip } from '../support/tiny.js';
import { bytes, chunk, int, riff, wav, wavFormat } from '../support/audio-bytes.js';

const BIG = { big: true };

describe('false headers', () => {
  const content = Buffer.alloc(4000, 1);
  const headers: [string, Uint8Array][] = [
    ...[0, 1, 999, 768_001, 6_000_000, 0xffffffff].map((sampleRate): [string, Uint8Array] => [
      `${sampleRate} Hz`,
      wav({ sampleRate }, content),
    ]),
    ...[0, 65, 65_535].map((channels): [string, Uint8Array] => [
      `${channels} channels`,
      wav({ channels, blockBytes: 2 }, content),
    ]),
    ['IMA ADPCM in blocks of one byte', wav({ tag: 0x11, bits: 4, blockBytes: 1 }, content)],
    ['IMA ADPCM in blocks of 0 bytes', wav({ tag: 0x11, bits: 4, blockBytes: 0 }, content)],
    ['MS ADPCM with 0 channels', wav({ tag: 2, bits: 4, channels: 0, blockBytes: 256 }, content)],
    ['integers of 65,535 bits', wav({ bits: 65_535, blockBytes: 2 }, content)],
    [
      'CAF, ima4 with 4,294,967,295 channels',
      bytes(
        'caff\0\x01\0\0desc',
        int(32, 8, BIG),
        [0x40, 0xcf, 0x40, 0, 0, 0, 0, 0],
        'ima4',
        ...[0, 34, 64, 0xffffffff, 0].map((v) => int(v, 4, BIG)),
        'data',
        int(-1, 8),
        content,
      ),
    ],
    [
      'AU with 4,294,967,295 channels',
      bytes('.snd', ...[24, 0, 3, 16000, 0xffffffff].map((v) => int(v, 4, BIG)), content),
    ],
  ];
  for (const [name, file] of headers) {
    it(`are rejected: ${name}`, async () => {
      await assert.rejects(decode(file, { rate: 16000 }), (error: Error & { code: string }) => {
        assert.equal(error.code, 'ERR_AUDIO_DECODE');
        assert.doesNotMatch(error.message, /Invalid typed array|Array buffer/);
        return true;
      });
    });
  }

  it('do not include unusual rates and channel counts, which are read at the cost of their samples', async () => {
    for (const sampleRate of [1000, 44_101, 47_999, 191_999, 767_999, 768_000]) {
      const { samples } = await decode(wav({ sampleRate }, content), { rate: 16000 });
      assert.equal(samples.length, Math.ceil((2000 * 16000) / sampleRate));
    }
    assert.equal((await decode(wav({ channels: 64 }, content))).samples.length, Math.floor(4000 / 128));
  });

  it('have the same limits as raw samples', async () => {
    for (const sampleRate of [0, 1, 999, 768_001, 16_000.5, NaN, Infinity]) {
      await assert.rejects(decode({ samples: new Float32Array(100), sampleRate }), TypeError, `${sampleRate}`);
    }
  });

  it('that declare more samples than there are bytes are ignored', async () => {
    const ima = riff(
      wavFormat({ tag: 0x11, bits: 4, blockBytes: 36, extension: [2, 0, 0xff, 0xff] }),
      chunk('fact', int(2 ** 31, 4)),
      chunk('data', Buffer.alloc(360)),
    );
    assert.equal((await decode(ima)).samples.length, 650);
  });

  it('do not allow a clip to be longer than its bytes explain, unless a limit was set', () => {
    assert.equal(maxSecondsFor(0), 3600);
    assert.equal(maxSecondsFor(2 ** 40), 86_400);
    const audio = new MonoAudio('a bomb', maxSecondsFor(1000), undefined);
    const second = [new Float32Array(1000)];
    assert.throws(
      () => {
        for (;;) audio.append(second, 1000);
      },
      { code: 'ERR_AUDIO_TOO_LONG' },
    );
  });
});

describe('a stream whose format changes', () => {
  const tone = (rate: number, seconds: number) =>
    Float32Array.from({ length: rate * seconds }, (_, i) => Math.sin((i * 2 * Math.PI * 440) / rate) / 2);

  it('keeps its length and pitch if the rate changes, at any output rate', () => {
    for (const rate of [16_000, 22_050, 44_100, undefined]) {
      const audio = new MonoAudio('a clip', Infinity, rate);
      for (const from of [44_100, 22_050, 44_100]) {
        const part = tone(from, 1);
        for (let at = 0; at < part.length; at += 5000) audio.append([part.subarray(at, at + 5000)], from);
      }
      const { pcm, duration } = audio.finish();
      const target = rate ?? 44_100;
      assert.equal(duration, 3);
      assert.equal(pcm.sampleRate, target);
      assert.equal(pcm.samples.length, 3 * target);
      const reference = tone(target, 1);
      for (const second of [0, 1, 2]) {
        const inner = pcm.samples.subarray((second + 0.1) * target, (second + 0.9) * target);
        const worst = inner.reduce((most, v, i) => Math.max(most, Math.abs(v - reference[i + 0.1 * target]!)), 0);
        assert.ok(worst < 0.01, `second ${second} differs by ${worst}`);
      }
    }
  });

  it('is as long as its parts if the rate changes thousands of times', () => {
    const audio = new MonoAudio('a clip', Infinity, 16_000);
    for (let i = 0; i < 4000; i++) audio.append([new Float32Array(7)], i % 2 === 0 ? 44_101 : 47_999);
    const { pcm, duration } = audio.finish();
    assert.equal(pcm.samples.length, Math.ceil(duration * 16_000));
  });

  it('is the mean of the channels that there are', () => {
    const audio = new MonoAudio('a clip', Infinity, undefined);
    audio.append([Float32Array.of(0.5, 0.5), Float32Array.of(0.25, -0.5)], 16_000);
    audio.append([Float32Array.of(0.125)], 16_000);
    audio.append([Float32Array.of(1), Float32Array.of(0.5), Float32Array.of(0)], 16_000);
    assert.deepEqual([...audio.finish().pcm.samples], [0.375, 0, 0.125, 0.5]);
  });

  it('is measured over all of its parts', () => {
    const audio = new MonoAudio('a clip', 1.5, 16_000);
    audio.append([new Float32Array(8000)], 8000);
    audio.append([new Float32Array(22_050)], 44_100);
    assert.throws(() => audio.append([new Float32Array(100)], 44_100), { code: 'ERR_AUDIO_TOO_LONG' });
  });

  it('does not share memory with the decoder', () => {
    const audio = new MonoAudio('a clip', Infinity, undefined);
    const own = clip(1, 100);
    audio.append([own], 16_000);
    const [before] = own;
    own.fill(0);
    assert.equal(audio.finish().pcm.samples[0], before);
  });
});

describe('a decompression bomb', () => {
  it('is stopped at the maximum length, as soon as its header or its samples exceed it', async () => {
    const hours = wav({ sampleRate: 8000, bits: 8 }, Buffer.alloc(8000 * 600, 128));
    await assert.rejects(decode(hours, { maxSeconds: 599 }), { code: 'ERR_AUDIO_TOO_LONG' });
    await assert.rejects(decode(readFileSync(fixture('silence-300s.webm')), { maxSeconds: 1 }), {
      code: 'ERR_AUDIO_TOO_LONG',
    });
  });
});

describe('a header of millions of chunks', () => {
  it('is rejected within fractions of a second', async () => {
    const many = (unit: string): Buffer => Buffer.alloc(2 ** 22).fill(unit);
    const files = [
      bytes('RIFF\0\0\0\0WAVE', many('JUNK\0\0\0\0')),
      riff(wavFormat(), many('data\0\0\0\0')),
      many('ID3\x04\0\0\0\0\0\0'),
    ];
    for (const file of files)
      await assert.rejects(decode(file), (error: Error & { code: string }) => /^ERR_AUDIO_/.test(error.code));
  });
});
