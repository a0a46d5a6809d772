import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, openSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Worker } from 'node:worker_threads';

import { decodeAudio, type DecodeOptions } from '../../lib/audio/decode.js';
import { GuardedProcess } from '../../lib/audio/ffmpeg/process.js';
import { findFfmpeg } from '../../lib/audio/ffmpeg/program.js';
import { EmotionRecognizer } from '../../lib/recognition/recognizer.js';
import { endsWithTest } from '../support/children.js';
import { AU_HEADER, fakeFfmpeg, processesOf, untilProcesses, withFfmpeg } from '../support/fake-ffmpeg.js';
import { root } from '../support/paths.js';

/** Bytes that no built-in decoder reads. */
const BYTES = new Uint8Array(2000).fill(7);
const HANGS = 'sleep 1000';
const STUBBORN = `trap '' TERM INT HUP\n${AU_HEADER}\nsleep 1000\nsleep 1000`;
const ENDLESS = `${AU_HEADER}\nexec cat /dev/zero`;

async function seconds(options?: DecodeOptions): Promise<number> {
  const { duration, lease } = await decodeAudio(BYTES, options);
  lease.release();
  return duration;
}

describe('an ffmpeg that misbehaves', () => {
  let folder: string;
  before(() => (folder = mkdtempSync(path.join(tmpdir(), 'fake-ffmpeg-'))));
  after(() => rmSync(folder, { recursive: true, force: true }));

  it('is replaced by a script: one that writes a tenth of a second is read', async () => {
    const fake = fakeFfmpeg(folder, 'short', `${AU_HEADER}\nhead -c 3200 /dev/zero`);
    assert.equal(await withFfmpeg(fake, () => seconds()), 0.1);
  });

  const failures: Record<string, string> = {
    'prints garbage': 'head -c 100000 /dev/urandom',
    'prints nothing': 'exit 0',
    'prints half a header': "printf '.snd'",
    'has no channels': String.raw`printf '.snd\0\0\0\030\377\377\377\377\0\0\0\006\0\0\037\100\0\0\0\0'; head -c 9000 /dev/zero`,
    'has a million channels': String.raw`printf '.snd\0\0\0\030\377\377\377\377\0\0\0\006\0\0\037\100\0\020\0\0'; head -c 9000 /dev/zero`,
    'has no rate': String.raw`printf '.snd\0\0\0\030\377\377\377\377\0\0\0\006\0\0\0\0\0\0\0\001'; head -c 9000 /dev/zero`,
    'fails after some audio': `${AU_HEADER}\nhead -c 90000 /dev/zero\necho 'disk on fire' >&2\nexit 3`,
    'dies by a signal after some audio': `${AU_HEADER}\nhead -c 90000 /dev/zero\nkill -SEGV $$`,
    'complains without end and fails': `head -c 5000000 /dev/zero | tr '\\0' x >&2\nexit 1`,
    'writes a file': `echo x > '${path.join(tmpdir(), 'fake-ffmpeg-written')}' || exit 7\n${AU_HEADER}\nhead -c 90000 /dev/zero`,
  };
  for (const [what, script] of Object.entries(failures)) {
    it(`rejects the clip if it ${what}`, async () => {
      const fake = fakeFfmpeg(folder, 'fails', script);
      await withFfmpeg(fake, () =>
        assert.rejects(
          seconds(),
          (error: { code: string; message: string }) =>
            error.code === 'ERR_AUDIO_DECODE' && error.message.length < 1000 && !error.message.includes(folder),
        ),
      );
      await untilProcesses(fake, false);
    });
  }

  it('rejects a sample that is not finite', async () => {
    const fake = fakeFfmpeg(folder, 'nan', String.raw`${AU_HEADER}; printf '\177\300\0\0'`);
    await withFfmpeg(fake, () => assert.rejects(seconds(), { code: 'ERR_AUDIO_NOT_FINITE' }));
  });

  it('is stopped at the maximum length', async () => {
    const fake = fakeFfmpeg(folder, 'endless', ENDLESS);
    await withFfmpeg(fake, () => assert.rejects(seconds({ maxSeconds: 60 }), { code: 'ERR_AUDIO_TOO_LONG' }));
    await untilProcesses(fake, false);
  });

  for (const [what, script] of Object.entries({ hangs: HANGS, 'ignores signals': STUBBORN })) {
    it(`is killed with the call if it ${what}`, async () => {
      const fake = fakeFfmpeg(folder, 'hangs', script);
      await withFfmpeg(fake, async () => {
        const abort = new AbortController();
        const decoding = seconds({ signal: abort.signal });
        await untilProcesses(fake, true);
        abort.abort(new Error('no more'));
        await assert.rejects(decoding, /no more/);
        await untilProcesses(fake, false);
      });
    });
  }

  it('is killed at the deadline of a call, and when its recognizer is closed', async () => {
    const fake = fakeFfmpeg(folder, 'late', HANGS);
    await withFfmpeg(fake, async () => {
      const recognizer = new EmotionRecognizer({ decoder: 'ffmpeg' });
      await assert.rejects(recognizer.recognize(BYTES, { timeoutMs: 1500 }), { code: 'ERR_TIMEOUT' });
      await untilProcesses(fake, false);
      const pending = assert.rejects(recognizer.recognize(BYTES), { code: 'ERR_CLOSED' });
      await untilProcesses(fake, true);
      await recognizer.close();
      await pending;
      await untilProcesses(fake, false);
    });
  });

  it('runs one process at a time in each decoding thread', async () => {
    const fake = fakeFfmpeg(folder, 'slow', `sleep 0.2\n${AU_HEADER}\nhead -c 3200 /dev/zero`);
    await withFfmpeg(fake, async () => {
      let most = 0;
      // each is accompanied by its guard, and by the part of the guard that waits
      const watch = setInterval(() => (most = Math.max(most, processesOf(fake).length)), 10);
      assert.deepEqual(await Promise.all([1, 2, 3].map(() => seconds())), [0.1, 0.1, 0.1]);
      clearInterval(watch);
      assert.ok(most > 0 && most < 6, `${most} at once`);
    });
  });

  it('is killed if it is silent, or if it takes too long', async () => {
    for (const [timeouts, script, killed] of [
      [{ silent: 100, total: 60_000 }, HANGS, 'silent'],
      [{ silent: 1000, total: 300 }, 'while true; do echo x; sleep 0.02; done', 'slow'],
    ] as const) {
      const input = openSync('/dev/null', 'r');
      const child = await GuardedProcess.start(fakeFfmpeg(folder, killed, script), [], input);
      for await (const _ of child.output(undefined, timeouts));
      assert.deepEqual(await child.result(), { killed });
      await untilProcesses(path.join(folder, killed), false);
    }
  });

  // The process that runs it ends without killing it.
  const decode = `require(${JSON.stringify(path.join(root, 'dist/audio/decode.js'))}).decodeAudio(new Uint8Array(2000).fill(7)).catch(() => undefined);`;
  it('is killed when the process is killed', async () => {
    const fake = fakeFfmpeg(folder, 'orphan', HANGS);
    const env = { ...process.env, EMOTION2VEC_FFMPEG: fake };
    const script = `${decode} setInterval(() => undefined, 1000)`;
    const child = endsWithTest(spawn(process.execPath, ['-e', script], { env }));
    await untilProcesses(fake, true);
    child.kill('SIGKILL');
    await untilProcesses(fake, false);
  });

  it('is killed when the process exits', async () => {
    const fake = fakeFfmpeg(folder, 'orphan-of-exit', HANGS);
    const env = { ...process.env, EMOTION2VEC_FFMPEG: fake };
    const script = `${decode} process.stdin.once('data', () => process.exit(0))`;
    const child = endsWithTest(spawn(process.execPath, ['-e', script], { env, stdio: ['pipe', 'ignore', 'ignore'] }));
    await untilProcesses(fake, true);
    child.stdin.write('x');
    await once(child, 'exit');
    await untilProcesses(fake, false);
  });

  it('is killed when the thread that started it is terminated', async () => {
    const fake = fakeFfmpeg(folder, 'orphan-of-thread', HANGS);
    const worker = new Worker(`${decode} setInterval(() => undefined, 1000)`, {
      eval: true,
      env: { ...process.env, EMOTION2VEC_FFMPEG: fake },
    });
    try {
      await untilProcesses(fake, true);
    } finally {
      await worker.terminate();
    }
    await untilProcesses(fake, false);
  });

  it('is not found if it is missing, not executable, or a folder', async () => {
    for (const program of [path.join(folder, 'none'), fakeFfmpeg(folder, 'plain', 'exit 0', 0o644), folder]) {
      assert.equal(findFfmpeg({ EMOTION2VEC_FFMPEG: program }), undefined);
      await withFfmpeg(program, async () => {
        await assert.rejects(seconds({ decoder: 'ffmpeg' }), { code: 'ERR_DECODER_UNAVAILABLE' });
        await assert.rejects(
          seconds(),
          (error: { code: string; remedy: string }) =>
            error.code === 'ERR_AUDIO_DECODE' && error.remedy.includes('ffmpeg'),
        );
      });
    }
  });

  it('is searched for on the PATH, by the name in the environment variable', () => {
    const fake = fakeFfmpeg(folder, 'ffmpeg-7', 'exit 0');
    fakeFfmpeg(folder, 'ffmpeg', 'exit 0');
    assert.equal(findFfmpeg({ PATH: `/nowhere:${folder}` }), path.join(folder, 'ffmpeg'));
    assert.equal(findFfmpeg({ PATH: folder, EMOTION2VEC_FFMPEG: 'ffmpeg-7' }), fake);
    assert.equal(findFfmpeg({ PATH: '', EMOTION2VEC_FFMPEG: '' }), undefined);
    assert.equal(findFfmpeg({ PATH: '.' }), undefined);
  });
});
