import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import {
  copyFileSync,
  createReadStream,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { text } from 'node:stream/consumers';

import { AUDIO_EXTENSIONS, hasAudioExtension } from '../../lib/audio/input/extensions.js';
import { expandInputs } from '../../lib/cli/inputs.js';
import { endsWithTest } from '../support/children.js';
import { cli, fixture, root } from '../support/paths.js';
import { runCli } from '../support/run.js';

const SPEECH = fixture('speech.wav');

/** Returns a name that may contain bytes that are not UTF-8. */
function bytesOf(...parts: (string | number)[]): Buffer {
  return Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(part) : Buffer.of(part))));
}

describe('folders and patterns', () => {
  let folder: string;
  beforeEach(() => (folder = mkdtempSync(path.join(tmpdir(), 'emotion2vec-'))));
  afterEach(() => rmSync(folder, { recursive: true }));
  const add = (...names: string[]) => {
    for (const name of names) {
      mkdirSync(path.dirname(path.join(folder, name)), { recursive: true });
      writeFileSync(path.join(folder, name), '');
    }
  };
  const find = async (...inputs: string[]) => {
    const { files, failures } = await expandInputs(inputs);
    assert.deepEqual(failures, []);
    return files.map((file) => path.relative(folder, file));
  };

  it('are searched for files with audio extensions, in any case, and no others', async () => {
    const files = AUDIO_EXTENSIONS.map(
      (extension, i) => `clip${i}.${i % 2 === 0 ? extension : extension.toUpperCase()}`,
    );
    add(...files, 'notes.txt', 'wav', 'a.wav.bak', 'page.html', 'code.ts', '.hidden.wav', '.cache/a.wav', '._a.wav');
    assert.deepEqual((await find(folder)).sort(), files.sort());
    for (const extension of 'mov mkv avi m4b mp2 ac3 wv aiff caf amr au w64 rf64 3gp'.split(' ')) {
      assert.ok(hasAudioExtension(`a.${extension}`), extension);
    }
  });

  it('are searched recursively, in order and once, including links and folders with audio extensions', async () => {
    add('b/c.wav', 'b.wav/a.wav', 'a.wav', 'b/b/b/b.wav', 'b-a.wav', 'z/é.wav', 'z/e.wav');
    symlinkSync('..', path.join(folder, 'b/up'));
    symlinkSync('z', path.join(folder, 'link'));
    symlinkSync('nowhere', path.join(folder, 'gone.wav'));
    spawnSync('mkfifo', [path.join(folder, 'pipe.wav')]);
    const found = await find(folder);
    assert.deepEqual(found, [
      'a.wav',
      'b-a.wav',
      'b.wav/a.wav',
      'b/b/b/b.wav',
      'b/c.wav',
      'gone.wav', // reported as missing when it is opened
      'link/e.wav',
      'link/é.wav',
    ]);
    assert.deepEqual(await find(folder, folder), found);
  });

  it('are matched by patterns in any case, and hidden files only by patterns that name them', async () => {
    add('a.wav', 'B.WAV', 'c.txt', 'x/d.wav', 'x/y/e.wav', '.h/f.wav', '[1].wav', 'x/g.md');
    const cases: [string, string[]][] = [
      ['*.wav', ['B.WAV', '[1].wav', 'a.wav']],
      ['*.{wav,txt}', ['B.WAV', '[1].wav', 'a.wav', 'c.txt']],
      ['**/*.wav', ['B.WAV', '[1].wav', 'a.wav', 'x/d.wav', 'x/y/e.wav']],
      ['x/*', ['x/d.wav', 'x/g.md', 'x/y/e.wav']],
      ['?.wav', ['B.WAV', 'a.wav']],
      ['[ab].wav', ['B.WAV', 'a.wav']],
      ['.h/*', ['.h/f.wav']],
      ['{x/y,.h}/*.wav', ['.h/f.wav', 'x/y/e.wav']],
      ['[1].wav', ['[1].wav']],
      ['x/**', ['x/d.wav', 'x/g.md', 'x/y/e.wav']],
    ];
    for (const [pattern, expected] of cases)
      assert.deepEqual((await find(path.join(folder, pattern))).sort(), expected.sort(), pattern);
    const { files, failures } = await expandInputs([path.join(folder, '*.mp3')]);
    assert.deepEqual([files, failures.map(({ error }) => error.code)], [[], ['ERR_FILE_NOT_FOUND']]);
  });

  it('accept file URLs, and no other URLs', async () => {
    add('a b.wav');
    assert.deepEqual(await find(`file://${folder}/a%20b.wav`), ['a b.wav']);
    assert.deepEqual(await find(`file://${folder}`), ['a b.wav']);
    const { files, failures } = await expandInputs(['https://example.org/a.wav', 'rtsp://x', `file://${folder}/c.wav`]);
    assert.deepEqual([files, failures.map(({ error }) => error.code)], [[], Array(3).fill('ERR_FILE_NOT_FOUND')]);
    assert.match(failures[0]!.error.message, /curl -sL URL \| emotion2vec recognize -/);
  });

  it('find files whose names are not UTF-8, and name them by URLs that are accepted as inputs', async () => {
    const names = [0xe8, 0xe9].map((byte) => bytesOf(`${folder}/caf`, byte, ' %.wav'));
    for (const name of names) copyFileSync(SPEECH, name);
    add('grün.wav', '\ufffd.txt');
    const urls = ['%E8', '%E9'].map((byte) => `file://${folder}/caf${byte}%20%25.wav`);
    assert.deepEqual((await expandInputs([folder])).files, [...urls, path.join(folder, 'grün.wav')]);
    assert.deepEqual((await expandInputs([`${folder}/ca*`])).files, urls);
    assert.deepEqual((await expandInputs(urls)).files, urls);
    // Only a shell can pass such arguments: two that look alike, and a pattern.
    const command = `"$0" "$1" recognize --format ndjson "$2/$(printf 'caf\\351 %%.wav')" "$2/$(printf 'caf\\350 %%.wav')" "$2/$(printf '*\\351*')" ${urls[0]} --output "$2/out"`;
    const { stdout, status, stderr } = spawnSync('sh', ['-c', command, process.execPath, cli, folder], {
      cwd: root,
      encoding: 'utf8',
      timeout: 60_000,
    });
    assert.deepEqual([status, stderr], [0, '']);
    const files = stdout
      .trim()
      .split('\n')
      .map((line) => (JSON.parse(line) as { file: string }).file);
    assert.deepEqual(files, urls.toReversed());
    assert.deepEqual(readdirSync(path.join(folder, 'out')).sort(), ['caf%E8%20%25', 'caf%E9%20%25']);
  });

  it('are processed to the end if a clip cannot be read, and the exit status is 1', async () => {
    copyFileSync(SPEECH, path.join(folder, 'good.wav'));
    copyFileSync(SPEECH, path.join(folder, 'new\nline\u202e\u001b[2J.wav'));
    symlinkSync('/proc/self/mem', path.join(folder, 'bad.wav'));
    const { status, stdout, stderr } = await runCli(['recognize', folder, 'http://example.org/a.wav']);
    assert.equal(status, 1);
    assert.deepEqual(
      stderr
        .trim()
        .split('\n')
        .map((line) => /ERR_\w+/.exec(line)?.[0]),
      ['ERR_FILE_NOT_FOUND', 'ERR_FILE_READ'],
    );
    assert.match(stderr, /bad\.wav/);
    assert.match(stdout, /good\.wav: \w+ \(/);
    // eslint-disable-next-line no-control-regex
    assert.doesNotMatch(stdout, /[\u001b\u202e]/);
  });
});

describe('standard input', () => {
  const ran = async (args: string[], stdin: string | undefined, command = 'recognize') => {
    const child = endsWithTest(
      spawn(process.execPath, [cli, command, ...args], {
        cwd: root,
        stdio: [stdin === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
      }),
    );
    if (stdin !== undefined) createReadStream(stdin).pipe(child.stdin!);
    const [stdout, stderr, status] = await Promise.all([
      text(child.stdout!),
      text(child.stderr!),
      new Promise((resolve) => child.once('close', resolve)),
    ]);
    return { stdout, stderr, status };
  };

  it('is one clip among others, and is read once', async () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'emotion2vec-'));
    const { stdout, stderr, status } = await ran(
      ['--format', 'ndjson', '--output', folder, '-', SPEECH, '-'],
      fixture('speech.mp3'),
    );
    assert.deepEqual([status, stderr], [0, '']);
    const results = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { file: string; scores: unknown });
    assert.deepEqual(
      results.map(({ file }) => file),
      ['stdin', SPEECH],
    );
    assert.deepEqual(readdirSync(folder).sort(), ['speech', 'stdin']);
    rmSync(folder, { recursive: true });
  });

  it('without a recording is an error', async () => {
    const { stderr, status } = await ran(['-'], undefined);
    assert.deepEqual([status, stderr.split(':')[0]], [1, 'stdin']);
    assert.match(stderr, /ERR_AUDIO_DECODE: /);
    const command = `${process.execPath} bin/emotion2vec.js recognize -`;
    if (!existsSync('/usr/bin/script')) return;
    const terminal = spawnSync('script', ['-qec', command, '/dev/null'], {
      cwd: root,
      encoding: 'utf8',
      timeout: 60_000,
    });
    assert.match(terminal.stdout, /^ERR_FILE_READ: /);
  });

  it('is rejected by commands that read files only', async () => {
    const { stderr, status } = await ran(['small-en-de', '--audio', '-'], SPEECH, 'compare');
    assert.equal(status, 1);
    assert.match(stderr, /Standard input \(-\) is not read by this command/);
  });
});
