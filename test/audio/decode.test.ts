import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';

import { decode } from '../support/decode.js';
import { fixture } from '../support/paths.js';
import { runNode } from '../support/run.js';

describe('decodeAudio', () => {
  let reference: Float32Array;
  before(async () => {
    reference = (await decode(fixture('speech.wav'))).samples;
  });

  // Maximum difference from the 16-bit original: half a quantization step of the format, or the loss of the codec.
  const lossless: [string, number][] = [
    ['speech-u8.wav', 1 / 128],
    ['speech-s24.wav', 0],
    ['speech-s32.wav', 0],
    ['speech-f32.wav', 0],
    ['speech-f64.wav', 0],
    ['speech.flac', 2 ** -15],
  ];
  for (const [name, tolerance] of lossless) {
    it(`reads ${name} within ${tolerance}`, async () => {
      const { samples, sampleRate } = await decode(fixture(name));
      assert.equal(sampleRate, 16000);
      assert.equal(samples.length, reference.length);
      const worst = samples.reduce((most, sample, i) => Math.max(most, Math.abs(sample - reference[i]!)), 0);
      assert.ok(worst <= tolerance, `differs by ${worst}`);
    });
  }

  const lossy: [string, number][] = [
    ['speech-alaw.wav', 8000],
    ['speech-mulaw.wav', 8000],
    ['speech-stereo-44k.wav', 44100],
    ['speech.mp3', 16000],
    ['speech-stereo.mp3', 44100],
    ['speech.ogg', 16000],
    ['speech.opus', 48000],
    ['speech.m4a', 16000],
    ['speech.webm', 48000],
  ];
  for (const [name, rate] of lossy) {
    it(`reads ${name}: the same speech at ${rate} Hz`, async () => {
      const { samples, sampleRate } = await decode(fixture(name));
      assert.equal(sampleRate, rate);
      assert.ok(Math.abs(samples.length / rate - reference.length / 16000) < 0.15, `${samples.length / rate} s`);
      // Compares envelopes in steps of 20 ms, which codecs preserve even if they change phases. They may delay by up to 5 steps.
      const similarity = Math.max(
        ...[0, 1, 2, 3, 4, 5].map((delay) =>
          correlation(envelope(reference, 320), envelope(samples, rate / 50).slice(delay)),
        ),
      );
      assert.ok(similarity > 0.97, `correlation ${similarity}`);
    });
  }

  it('averages six channels', async () => {
    const { samples, sampleRate } = await decode(fixture('speech-5.1-48k.wav'));
    assert.equal(sampleRate, 48000);
    assert.equal(samples.length, 48000);
  });

  it('averages channels with different samples', async () => {
    const { samples } = await decode(stereo([0.5, -0.25], [0.25, 0.75]));
    assert.deepEqual([...samples], [0.375, 0.25]);
  });

  it('copies bytes and leaves the buffer to the caller', async () => {
    const bytes = readFileSync(fixture('speech.mp3'));
    const pooled = Buffer.concat([Buffer.from('xxx'), bytes]).subarray(3);
    const [whole, part] = [await decode(bytes), await decode(pooled)];
    assert.deepEqual(whole.samples, part.samples);
    assert.ok(bytes.byteLength > 0);
  });

  it('reads the samples of a truncated WAV, which streaming encoders may leave', async () => {
    assert.equal((await decode(fixture('truncated.wav'))).samples.length, (20000 - 44) / 2);
  });

  it('decodes minutes of WebM in a time proportional to its length', async () => {
    // In one piece, the decoder would take minutes for this file.
    const { samples, sampleRate } = await decode(fixture('silence-300s.webm'));
    assert.equal(Math.round(samples.length / sampleRate), 300);
  });

  it('stops at the maximum length: a small file may contain hours', async () => {
    for (const input of [fixture('silence-300s.webm'), readFileSync(fixture('speech-stereo-44k.wav'))]) {
      await assert.rejects(decode(input, { maxSeconds: 3, name: 'long.webm' }), (error: Error & { code: string }) => {
        assert.equal(error.code, 'ERR_AUDIO_TOO_LONG');
        return true;
      });
    }
    await assert.doesNotReject(decode(fixture('speech-stereo-44k.wav'), { maxSeconds: 3.06 }));
    const pcm = { samples: new Float32Array(16001), sampleRate: 16000 };
    await assert.rejects(decode(pcm, { maxSeconds: 1 }), { code: 'ERR_AUDIO_TOO_LONG' });
  });

  const bad: [file: string, code: string, what: RegExp][] = [
    ['nowhere.wav', 'ERR_FILE_NOT_FOUND', /nowhere\.wav/],
    ['models', 'ERR_FILE_READ', /models/],
    ['empty.wav', 'ERR_AUDIO_DECODE', /empty\.wav/],
    ['text.wav', 'ERR_AUDIO_DECODE', /"Hello world,"/],
    ['truncated.mp3', 'ERR_AUDIO_DECODE', /\b1\d %/],
    ['cut-header.wav', 'ERR_AUDIO_DECODE', /\bWAV\b/],
    ['no-samples.wav', 'ERR_AUDIO_TOO_SHORT', /no-samples\.wav/],
    ['nan.wav', 'ERR_AUDIO_NOT_FINITE', /at 0\.250 s \(sample 4000\)/],
    ['infinity.wav', 'ERR_AUDIO_NOT_FINITE', /sample 100/],
  ];
  for (const [name, code, message] of bad) {
    it(`refuses ${name} with ${code}`, async () => {
      await assert.rejects(decode(fixture(name)), (error: Error & { code: string }) => {
        assert.equal(error.code, code);
        assert.match(error.message, message);
        assert.ok(!error.message.includes('\n'));
        return true;
      });
    });
  }

  it('does not block the event loop while a long file is decoded', async () => {
    const minutes = Buffer.concat(Array.from({ length: 100 }, () => readFileSync(fixture('speech.mp3'))));
    let ticks = 0;
    const counter = setInterval(() => ticks++, 1);
    await decode(minutes);
    clearInterval(counter);
    assert.ok(ticks > 10, `${ticks} ticks`);
  });

  it('rejects with the reason of the signal when it aborts', async () => {
    const controller = new AbortController();
    const decoding = decode(fixture('speech.mp3'), { signal: controller.signal });
    controller.abort(new Error('enough'));
    await assert.rejects(decoding, /enough/);
    await assert.doesNotReject(decode(fixture('speech.wav')));
  });

  it('throws a TypeError for invalid input', async () => {
    for (const wrong of [
      undefined,
      5,
      {},
      { samples: [1], sampleRate: 16000 },
      { samples: new Float32Array(1), sampleRate: 0.5 },
    ]) {
      await assert.rejects(decode(wrong), TypeError);
    }
  });

  it('prints nothing and lets the process exit', async () => {
    const script = `require('./dist/audio/decode.js').decodeAudio('test/fixtures/speech.mp3')`;
    assert.deepEqual(await runNode(['-e', script]), { status: 0, signal: null, stdout: '', stderr: '' });
  });
});

function stereo(left: number[], right: number[]): Uint8Array {
  const file = Buffer.alloc(44 + left.length * 8);
  file.write('RIFF\0\0\0\0WAVEfmt ', 0, 'latin1');
  [16, 3 | (2 << 16), 16000, 128000, 8 | (32 << 16)].forEach((word, i) => file.writeUInt32LE(word, 16 + 4 * i));
  file.write('data', 36, 'latin1');
  file.writeUInt32LE(left.length * 8, 40);
  left.forEach((sample, i) => {
    file.writeFloatLE(sample, 44 + i * 8);
    file.writeFloatLE(right[i]!, 48 + i * 8);
  });
  return file;
}

function envelope(samples: Float32Array, step: number): number[] {
  return Array.from({ length: Math.floor(samples.length / step) }, (_, i) =>
    Math.sqrt(samples.subarray(i * step, (i + 1) * step).reduce((sum, sample) => sum + sample * sample, 0) / step),
  );
}

function correlation(a: number[], b: number[]): number {
  const size = Math.min(a.length, b.length);
  const centered = (values: number[]) => {
    const mean = values.slice(0, size).reduce((sum, value) => sum + value, 0) / size;
    return values.slice(0, size).map((value) => value - mean);
  };
  const [x, y] = [centered(a), centered(b)];
  const dot = (p: number[], q: number[]) => p.reduce((sum, value, i) => sum + value * q[i]!, 0);
  return dot(x, y) / Math.sqrt(dot(x, x) * dot(y, y));
}
