import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { endsWithTest, hasEnded } from '../support/children.js';
import { cli, fixture, root } from '../support/paths.js';
import { type Ran, runCli, runNode } from '../support/run.js';

/** Kills a process (through NODE_OPTIONS) at the KILL_AT-th call that changes the file system, or at the first call of that name. */
const KILLER = `
  const fs = require('node:fs/promises');
  let steps = 0;
  for (const name of ['mkdir', 'writeFile', 'open', 'rename', 'rm']) {
    const step = fs[name];
    fs[name] = async (...args) => {
      if (process.env.KILL_AT === name || steps++ === Number(process.env.KILL_AT)) process.kill(process.pid, 'SIGKILL');
      return step(...args);
    };
  }
`;
const ALL = ['embedding.npy', 'processed_audio.wav', 'result.json'];
const DEAD = 4_194_303;

describe('a process that is killed', () => {
  let folder: string;
  let killer: string;
  let output: string;
  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'emotion2vec-'));
    killer = path.join(folder, 'killer.js');
    output = path.join(folder, 'out');
    writeFileSync(killer, KILLER);
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  /** Returns all paths below a folder, relative to it. */
  const below = (where = output) => readdirSync(where, { recursive: true }).map(String).sort();

  const killedAt = (step: number | 'rename'): Record<string, string> => ({
    NODE_OPTIONS: `--require ${killer}`,
    KILL_AT: String(step),
  });

  function results(): string[] {
    const files = below().filter((file) => file.endsWith('/result.json') && !file.includes('.part'));
    return files.map(
      (file) => (JSON.parse(readFileSync(path.join(output, file), 'utf8')) as { emotion: string }).emotion,
    );
  }

  it('at any step leaves complete results, and nothing else after the next run', async () => {
    // What the command does with a result, without the second that loading the model takes.
    const script = `
      const { OutputFolder } = require(${JSON.stringify(path.join(root, 'dist/cli/output-folder.js'))});
      const samples = Float32Array.of(1, 2, 3);
      const result = { emotion: process.env.EMOTION, embedding: samples, embeddingShape: [3], processedAudio: { samples, sampleRate: 16000 } };
      (async () => {
        const folder = await OutputFolder.open(${JSON.stringify(output)}, ['a.wav', 'b.wav', 'c.wav']);
        await folder.write('a.wav', result);
        await folder.removeUnfinished('c.wav');
        await folder.write('b.wav', result);
      })();
    `;
    mkdirSync(output);
    const run = (env: Record<string, string>): Promise<Ran> => runNode(['-e', script], env);
    for (const EMOTION of ['new', 'again']) {
      for (let step = 0, ended = false; !ended; step++) {
        if (EMOTION === 'new') rmSync(output, { recursive: true });
        mkdirSync(path.join(output, 'c'), { recursive: true });
        writeFileSync(path.join(output, 'c/processed_audio.wav'), 'left by a run that was killed');
        mkdirSync(path.join(output, `b.${DEAD}.part`), { recursive: true });
        const { signal, stderr } = await run({ ...killedAt(step), EMOTION });
        ended = signal === null;
        assert.equal(stderr, '');
        assert.ok(results().every((emotion) => emotion === EMOTION || (EMOTION === 'again' && emotion === 'new')));
        assert.ok(step < 100);
        if (step % 4 !== 0 && !ended) continue; // leftovers of several runs are removed too
        assert.equal((await run({ EMOTION: 'new' })).stderr, '');
        assert.deepEqual(below(), ['a', ...ALL.map((name) => `a/${name}`), 'b', ...ALL.map((name) => `b/${name}`)]);
        assert.deepEqual(results(), ['new', 'new']);
      }
    }
  });

  it('while it recognizes, evaluates, quantizes or compares leaves nothing after the next run', async () => {
    const labels = path.join(folder, 'labels.csv');
    writeFileSync(labels, 'file,emotion\nspeech.wav,neutral\n');
    mkdirSync(path.join(folder, 'clips'));
    const clip = path.join(folder, 'clips/speech.wav');
    writeFileSync(clip, readFileSync(fixture('speech.wav')));
    const temporary = path.join(folder, 'tmp');
    mkdirSync(temporary);
    const elsewhere = { TMPDIR: temporary, NODE_DISABLE_COMPILE_CACHE: '1' }; // newer versions of Node keep it there
    mkdirSync(output);
    const model = path.join(root, 'models/small-en-de.pt');
    const commands: Record<string, [args: string[], left: string[]]> = {
      recognize: [
        ['recognize', '--output', output, clip],
        ['speech', 'speech/processed_audio.wav', 'speech/result.json'],
      ],
      evaluate: [
        ['evaluate', model, '--labels', labels, '--audio', path.dirname(clip), '--output', output],
        ['confusion.svg', 'evaluation.json', 'reliability.svg'],
      ],
      quantize: [['quantize', model, path.join(output, 'small.pt')], ['small.pt']],
      compare: [['compare', model, '--precision', 'int8', '--audio', clip], []],
    };
    for (const [name, [args, left]] of Object.entries(commands)) {
      // Two commands write for a moment only, so they are killed at a step. The others are killed once they have a part.
      const env = {
        ...process.env,
        ...elsewhere,
        ...(['recognize', 'evaluate'].includes(name) && killedAt('rename')),
      };
      const child = endsWithTest(spawn(process.execPath, [cli, ...args], { env, stdio: 'ignore' }));
      const ended = new Promise((resolve) => child.on('close', (_status, signal) => resolve(signal)));
      const parts = () => [...below(), ...below(temporary)].filter((file) => file.endsWith('.part'));
      while (parts().length === 0 && !hasEnded(child)) await new Promise((resolve) => setImmediate(resolve));
      child.kill('SIGKILL');
      assert.equal(await ended, 'SIGKILL', `${name} ended before it could be killed`);
      assert.notDeepEqual(parts(), [], name);
      const { status, stderr } = await runCli(args, elsewhere);
      assert.equal(status, 0, stderr);
      assert.deepEqual([below(), below(temporary)], [left, []], name);
      rmSync(output, { recursive: true });
      mkdirSync(output);
    }
  });

  it('by a signal that it handles leaves nothing at all', async () => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      mkdirSync(output);
      const target = path.join(output, 'small.pt');
      const args = ['quantize', path.join(root, 'models/small-en-de.pt'), target];
      const child = endsWithTest(spawn(process.execPath, [cli, ...args], { stdio: 'ignore' }));
      const ended = new Promise((resolve) => child.on('close', (_status, how) => resolve(how)));
      while (readdirSync(output).length === 0 && !hasEnded(child))
        await new Promise((resolve) => setImmediate(resolve));
      child.kill(signal);
      const how = await ended;
      if (how !== null) assert.equal(how, signal);
      assert.deepEqual(readdirSync(output), how === null ? ['small.pt'] : [], signal);
      rmSync(output, { recursive: true });
    }
  });
});

describe('a full disk', () => {
  it('is reported with a clear error, and leaves no incomplete files', async () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'emotion2vec-'));
    try {
      const labels = path.join(folder, 'labels.csv');
      writeFileSync(labels, 'file,emotion\nspeech.wav,neutral\n');
      const output = path.join(folder, 'out');
      const commands = [
        ['recognize', '--output', output, fixture('speech.wav')],
        ['quantize', path.join(root, 'models/small-en-de.pt'), path.join(output, 'small.pt')],
      ];
      mkdirSync(output);
      for (const args of commands) {
        const command = 'ulimit -f 100; exec "$0" "$@"'; // files of 51,200 bytes at most
        const shell = ['-c', command, process.execPath, cli, ...args];
        const child = endsWithTest(spawn('sh', shell, { stdio: ['ignore', 'ignore', 'pipe'] }));
        let stderr = '';
        child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
        assert.equal(await new Promise((resolve) => child.on('close', resolve)), 1);
        assert.match(stderr, /ERR_FILE_WRITE: .*File too large|ERR_FILE_WRITE: .*EFBIG/);
        assert.deepEqual(readdirSync(output), [], args[0]);
      }
      if (!existsSync('/dev/full')) return;
      const shell = ['-c', '"$0" "$@" > /dev/full', process.execPath, cli, 'models'];
      const child = endsWithTest(spawn('sh', shell, { stdio: ['ignore', 'ignore', 'pipe'] }));
      let stderr = '';
      child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
      assert.equal(await new Promise((resolve) => child.on('close', resolve)), 1);
      assert.match(stderr, /^emotion2vec: ERR_FILE_WRITE: .*\n$/);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
