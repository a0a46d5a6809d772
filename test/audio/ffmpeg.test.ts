import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { type DecodedAudio, decodeAudio, type DecodeOptions } from '../../lib/audio/decode.js';
import { findFfmpeg } from '../../lib/audio/ffmpeg/program.js';
import { EmotionRecognizer } from '../../lib/recognition/recognizer.js';
import { needsFfmpeg } from '../support/fake-ffmpeg.js';
import { fixture } from '../support/paths.js';
import { runCli } from '../support/run.js';

async function decode(input: string | Uint8Array, options?: DecodeOptions): Promise<DecodedAudio> {
  const decoded = await decodeAudio(input, options);
  decoded.lease.release();
  return decoded;
}

describe('ffmpeg as a decoder', () => {
  let folder: string;
  /** A file in a format that no built-in decoder reads. */
  let clip: string;
  let expected: Float32Array;
  before(function () {
    const program = needsFfmpeg(this);
    folder = mkdtempSync(path.join(tmpdir(), 'ffmpeg-'));
    clip = path.join(folder, 'speech.flv');
    const quiet = ['-nostdin', '-loglevel', 'error'];
    execFileSync(program, [...quiet, '-i', fixture('speech.wav'), '-c:a', 'pcm_s16le', '-ar', '44100', clip]);
    const raw = execFileSync(program, [...quiet, '-i', clip, '-f', 'f32le', '-'], { maxBuffer: 2 ** 26 });
    expected = new Float32Array(Uint8Array.from(raw).buffer);
  });
  after(() => {
    if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
  });

  it('decodes formats that are not built in, by path and from bytes', async () => {
    for (const input of [clip, new Uint8Array(readFileSync(clip))]) {
      const { pcm, decoder } = await decode(input);
      assert.equal(decoder, 'ffmpeg');
      assert.equal(pcm.sampleRate, 44100);
      assert.deepEqual(pcm.samples, expected);
    }
  });

  it('is not used for formats that are built in, unless it is chosen', async () => {
    const own = await decode(fixture('speech.wav'));
    assert.equal(own.decoder, 'builtin');
    const theirs = await decode(fixture('speech.wav'), { decoder: 'ffmpeg' });
    assert.equal(theirs.decoder, 'ffmpeg');
    assert.deepEqual(theirs.pcm, own.pcm);
  });

  it('decodes to one channel, the mean of all, at the requested rate', async () => {
    const own = await decode(fixture('speech-5.1-48k.wav'), { rate: 16000 });
    const theirs = await decode(fixture('speech-5.1-48k.wav'), { rate: 16000, decoder: 'ffmpeg' });
    assert.deepEqual(theirs.pcm, own.pcm);
  });

  it('can be chosen for a recognizer, whose results name the decoder', async () => {
    await using recognizer = new EmotionRecognizer();
    assert.equal((await recognizer.recognize(clip)).timing.decoder, 'ffmpeg');
    assert.equal((await recognizer.recognize(fixture('speech.wav'))).timing.decoder, 'builtin');
    await using own = new EmotionRecognizer({ decoder: 'builtin' });
    await assert.rejects(own.recognize(clip), { code: 'ERR_AUDIO_DECODE' });
    await using theirs = new EmotionRecognizer({ decoder: 'ffmpeg' });
    assert.equal((await theirs.recognize(fixture('speech.wav'))).timing.decoder, 'ffmpeg');
    assert.equal((await theirs.recognize(fixture('speech.wav'), { decoder: 'builtin' })).timing.decoder, 'builtin');
    assert.throws(() => new EmotionRecognizer({ decoder: 'sox' as 'auto' }), TypeError);
  });

  it('is an option of the command line', async () => {
    const { stdout } = await runCli(['recognize', '--format', 'json', '--decoder', 'ffmpeg', fixture('speech.wav')]);
    const [outcome] = JSON.parse(stdout) as { timing: { decoder: string } }[];
    assert.equal(outcome!.timing.decoder, 'ffmpeg');
    const { status } = await runCli(['recognize', '--decoder', 'builtin', clip]);
    assert.equal(status, 1);
  });

  it('is not used with decoder builtin', async () => {
    await assert.rejects(decode(clip, { decoder: 'builtin' }), { code: 'ERR_AUDIO_DECODE' });
  });

  it('opens a file whose name looks like an option or a protocol', async () => {
    for (const name of ['-i', 'concat:a|b']) {
      const file = path.join(folder, name);
      copyFileSync(clip, file);
      const { pcm } = await decode(path.relative(process.cwd(), file));
      assert.deepEqual(pcm.samples, expected);
    }
  });

  it('fails with ERR_AUDIO_TOO_LONG at the maximum length', async () => {
    await assert.rejects(decode(clip, { maxSeconds: 2 }), { code: 'ERR_AUDIO_TOO_LONG' });
  });

  it('rejects files without audio, with a message that contains no path', async () => {
    const silent = path.join(folder, 'silent.mkv');
    const film = ['-f', 'lavfi', '-i', 'testsrc=s=64x48:d=0.2', '-c:v', 'mpeg4', silent];
    execFileSync(findFfmpeg()!, ['-nostdin', '-loglevel', 'error', ...film]);
    for (const decoder of ['auto', 'ffmpeg'] as const) {
      for (const input of [silent, fixture('text.wav')]) {
        await assert.rejects(
          decode(input, { decoder, name: 'call 7' }),
          (error: { code: string; message: string }) =>
            error.code === 'ERR_AUDIO_DECODE' && !error.message.includes('/proc') && !error.message.includes(folder),
        );
      }
    }
    await assert.rejects(decode(new Uint8Array(), { decoder: 'ffmpeg' }), { code: 'ERR_AUDIO_DECODE' });
  });

  it('leaves no file behind, and uses an unnamed file while it decodes', async () => {
    const temporary = path.join(folder, 'tmp');
    mkdirSync(temporary);
    const before = process.env.TMPDIR;
    process.env.TMPDIR = temporary;
    try {
      const decoding = decode(new Uint8Array(readFileSync(clip)));
      const seen = new Set<string>();
      const watch = setInterval(() => readdirSync(temporary).forEach((name) => seen.add(name)), 2);
      await decoding;
      clearInterval(watch);
      assert.ok(seen.size <= 1, [...seen].join()); // for the moment between its opening and its unlinking
      assert.deepEqual(readdirSync(temporary), []);
    } finally {
      if (before === undefined) delete process.env.TMPDIR;
      else process.env.TMPDIR = before;
    }
  });
});
