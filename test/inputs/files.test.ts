import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';

import type { DecodeOptions } from '../../lib/audio/decode.js';
import { type AudioInput, EmotionError } from '../../lib/index.js';
import { endsWithTest } from '../support/children.js';
import { decode as decodePcm } from '../support/decode.js';
import { fixture, root } from '../support/paths.js';

const SPEECH = fixture('speech.wav');

/** Decodes a clip. Returns its number of samples. */
async function decode(input: AudioInput, options?: DecodeOptions): Promise<number> {
  return (await decodePcm(input, options)).samples.length;
}

async function failure(input: AudioInput, options?: DecodeOptions): Promise<EmotionError> {
  const error = await decode(input, options).then(
    () => assert.fail('the input was read'),
    (thrown: unknown) => thrown,
  );
  assert.ok(error instanceof EmotionError, String(error));
  return error;
}

describe('files that cannot be read', () => {
  let folder: string;
  before(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'emotion2vec-'));
    chmodSync(folder, 0o755);
  });
  after(() => rmSync(folder, { recursive: true }));
  const inFolder = (name: string) => path.join(folder, name);

  it('are rejected with the reason, and with a remedy for each', async () => {
    symlinkSync('b.wav', inFolder('a.wav'));
    symlinkSync('a.wav', inFolder('b.wav'));
    symlinkSync('/proc/self/mem', inFolder('io.wav'));
    mkdirSync(inFolder('folder.wav'));
    const cases: [string, RegExp][] = [
      [inFolder('a.wav'), /ELOOP/],
      [inFolder(`${'n'.repeat(300)}.wav`), /ENAMETOOLONG/],
      [inFolder('io.wav'), /EIO/],
      [inFolder('folder.wav'), /EISDIR/],
      ['/dev/zero', /\/dev\/zero/],
      ['/dev/null', /\/dev\/null/],
    ];
    const remedies = new Set<string>();
    for (const [file, reason] of cases) {
      const { code, what, remedy } = await failure(file);
      assert.equal(code, 'ERR_FILE_READ', what);
      assert.match(what, reason);
      remedies.add(remedy);
    }
    assert.equal(remedies.size, cases.length - 1); // both devices have the same
  });

  it('because they are missing are rejected with ERR_FILE_NOT_FOUND', async () => {
    symlinkSync('nowhere', inFolder('dangling.wav'));
    for (const file of [inFolder('none.wav'), inFolder('dangling.wav'), `${SPEECH}/a.wav`, 'a\0b.wav']) {
      assert.equal((await failure(file)).code, 'ERR_FILE_NOT_FOUND');
    }
    assert.equal((await failure(new URL('file:///nowhere/caf%E9.wav'))).code, 'ERR_FILE_NOT_FOUND');
  });

  it('because they are sockets are rejected with ERR_FILE_READ', async () => {
    const server = createServer().listen(inFolder('socket.wav'));
    await new Promise((resolve) => server.once('listening', resolve));
    const { code, what } = await failure(inFolder('socket.wav'));
    server.close();
    assert.deepEqual([code, /socket/.test(what)], ['ERR_FILE_READ', true]);
  });

  it('by their name, which is not UTF-8, can be read by their URL', async () => {
    const name = Buffer.concat([Buffer.from(`${folder}/caf`), Buffer.of(0xe9), Buffer.from(' 100%.wav')]);
    copyFileSync(SPEECH, name);
    const url = new URL(`${pathToFileURL(folder).href}/caf%E9%20100%25.wav`);
    assert.equal(await decode(url), await decode(SPEECH));
  });

  it('because they are larger than maxBytes are rejected without being read', async () => {
    writeFileSync(inFolder('huge.wav'), readFileSync(SPEECH));
    truncateSync(inFolder('huge.wav'), 3 * 2 ** 30); // sparse, so it takes no space
    const { code, remedy } = await failure(inFolder('huge.wav'));
    assert.deepEqual([code, /maxBytes/.test(remedy)], ['ERR_AUDIO_TOO_LONG', true]);
    assert.equal((await failure(SPEECH, { maxBytes: 1000 })).code, 'ERR_AUDIO_TOO_LONG');
    assert.equal((await failure('/proc/self/status', { maxBytes: 1000 })).code, 'ERR_AUDIO_TOO_LONG');
  });

  it('in one piece, because their size is unknown, are read to their end', async () => {
    const { code, what } = await failure('/proc/self/status'); // the system reports a size of 0
    assert.equal(code, 'ERR_AUDIO_DECODE');
    assert.match(what, /Name:/);
  });

  describe('named pipes', () => {
    it('are read as data arrives', async () => {
      const pipe = inFolder('pipe');
      execFileSync('mkfifo', [pipe]);
      const decoding = decode(pipe);
      await sleep(20); // without a writer
      const script = '(head -c 1000 "$0"; sleep 0.05; tail -c +1001 "$0") > "$1"';
      endsWithTest(spawn('sh', ['-c', script, SPEECH, pipe], { stdio: 'ignore' }));
      assert.equal(await decoding, await decode(SPEECH));
    });

    it('can be aborted while they have no writer', async () => {
      const pipe = inFolder('silent');
      execFileSync('mkfifo', [pipe]);
      await assert.rejects(decode(pipe, { signal: AbortSignal.timeout(50) }), { name: 'TimeoutError' });
      await assert.doesNotReject(decode(SPEECH));
    });
  });

  it('for lack of file descriptors are rejected with EMFILE, also if a decoder cannot be loaded, and can be read later', () => {
    const script = `const fs = require('node:fs');
      const { decodeAudio } = require('./dist/audio/decode.js');
      const files = ['test/fixtures/speech.wav', 'test/fixtures/speech.mp3'];
      const encoded = fs.readFileSync(files[1]);
      const code = (input) => decodeAudio(input).then(
        ({ lease }) => (lease.release(), 'read'),
        ({ code, message }) => (/EMFILE/.test(message) && !/dist|node_modules/.test(message) ? code : message));
      const held = [];
      const fill = () => { try { for (;;) held.push(fs.openSync('/dev/null')); } catch {} };
      const free = (count) => { for (const each of held.splice(0, count)) fs.closeSync(each); };
      (async () => {
        const codes = [];
        if (process.argv[1] === 'warm') codes.push(await code(files[0]));
        fill();
        codes.push(await code(files[0]));
        free(1);
        codes.push(await code(files[0]));
        fill();
        codes.push(await code(encoded)); // its decoder is a module of its own
        free(Infinity);
        codes.push(await code(files[0]), await code(files[1]));
        console.log(JSON.stringify(codes));
      })();`;
    const codesOf = (state: string) => {
      const shell = ['-c', 'ulimit -n 64; exec "$0" -e "$1" "$2"', process.execPath, script, state];
      return JSON.parse(execFileSync('sh', shell, { cwd: root, encoding: 'utf8', timeout: 60_000 })) as unknown;
    };
    const refused = 'ERR_FILE_READ';
    assert.deepEqual(codesOf('warm'), ['read', refused, 'read', refused, 'read', 'read']);
    assert.deepEqual(codesOf('cold'), [refused, refused, refused, 'read', 'read']);
  });

  it('for lack of permission are rejected with EACCES', function () {
    if (process.getuid?.() !== 0) this.skip(); // only root may change the user
    copyFileSync(SPEECH, inFolder('secret.wav'));
    chmodSync(inFolder('secret.wav'), 0o600);
    mkdirSync(inFolder('locked'));
    chmodSync(inFolder('locked'), 0o700);
    const script = `const { decodeAudio } = require('./dist/audio/decode.js');
      const { expandInputs } = require('./dist/cli/inputs.js');
      const folder = process.argv[1];
      (async () => {
        await decodeAudio('test/fixtures/speech.wav'); // starts the thread
        process.setgroups([]); process.setgid(65534); process.setuid(65534);
        const { code, message } = await decodeAudio(folder + '/secret.wav').catch((error) => error);
        const { files, failures } = await expandInputs([folder]);
        console.log(JSON.stringify({ code, message, found: files.includes(folder + '/secret.wav'), failures: failures.map(({ input, error }) => [input, error.code]) }));
      })();`;
    const printed = execFileSync(process.execPath, ['-e', script, folder], {
      cwd: root,
      encoding: 'utf8',
      timeout: 60_000,
    });
    const { code, message, found, failures } = JSON.parse(printed) as Record<string, unknown>;
    assert.deepEqual([code, found, failures], ['ERR_FILE_READ', true, [[inFolder('locked'), 'ERR_FILE_READ']]]);
    assert.match(message as string, /EACCES/);
  });
});
