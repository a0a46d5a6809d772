import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { endsWithTest } from '../support/children.js';
import { fixture, root } from '../support/paths.js';
import { runNode } from '../support/run.js';

const WAV_HEADER_BYTES = 44;
const example = (name: string): string => path.join(root, 'examples', name);
const speech = readFileSync(fixture('speech.wav'));

describe('examples', () => {
  const tested = new Set<string>();
  const run = (name: string, ...args: string[]) => (tested.add(name), runNode([example(name), ...args]));

  it('script.mjs prints results with segments, and errors by their codes', async () => {
    const { status, stdout, stderr } = await run('script.mjs', fixture('speech.wav'), fixture('text.wav'));
    assert.equal(status, 1);
    assert.match(stdout, /speech\.wav: neutral \(\d+\.\d%\), 3\.1 s\n( {2}\d\.\d\d to \d\.\d\d s: [a-z]+\n)+$/);
    assert.match(stderr, /text\.wav: ERR_AUDIO_DECODE: /);
  });

  it('batch-folder.mjs writes a row for each recording', async () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'emotion2vec-example-'));
    try {
      mkdirSync(path.join(folder, 'in/sub'), { recursive: true });
      copyFileSync(fixture('speech.mp3'), path.join(folder, 'in/speech.mp3'));
      copyFileSync(fixture('text.wav'), path.join(folder, 'in/sub/not, audio.wav'));
      const target = path.join(folder, 'emotions.csv');
      const { status, stdout, stderr } = await run('batch-folder.mjs', path.join(folder, 'in'), target);
      assert.deepEqual({ status, stderr }, { status: 0, stderr: '' });
      assert.match(stdout, /^1 recordings recognized, 1 failed/);
      const [header, first, second, ...rest] = readFileSync(target, 'utf8').split('\n');
      assert.equal(header, 'file,emotion,confidence,duration,error');
      assert.match(first!, /speech\.mp3,neutral,0\.\d{4},\d\.\d\d,$/);
      assert.match(second!, /^".*not, audio\.wav",,,,ERR_AUDIO_DECODE$/);
      assert.deepEqual(rest, ['']);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('microphone.mjs prints a line for each window of standard input', async () => {
    tested.add('microphone.mjs');
    const child = endsWithTest(
      spawn(process.execPath, [example('microphone.mjs')], { stdio: ['pipe', 'pipe', 'inherit'] }),
    );
    let stdout = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
    child.stdin.end(speech.subarray(WAV_HEADER_BYTES));
    assert.deepEqual(await once(child, 'close'), [0, null]);
    assert.match(stdout, /^0\.0 to 3\.0 s: [a-z]+ \(\d+\.\d%\)\n0\.1 to 3\.1 s: [a-z]+ \(\d+\.\d%\)\n$/);
  });

  it('worker-pool.mjs recognizes all files', async () => {
    const files = ['speech.wav', 'speech.mp3', 'text.wav', 'speech.flac', 'speech.ogg'].map(fixture);
    const { status, stdout, stderr } = await run('worker-pool.mjs', ...files);
    assert.deepEqual({ status, stderr }, { status: 0, stderr: '' });
    const lines = stdout.trimEnd().split('\n');
    assert.equal(lines.length, files.length);
    assert.equal(lines.filter((line) => /: neutral \(\d+\.\d%\), worker \d+$/.test(line)).length, 4);
  });

  it('fastify.mjs answers on the routes of the plugin and on its own', async () => {
    tested.add('fastify.mjs');
    const env = { ...process.env, PORT: '0' };
    const child = endsWithTest(
      spawn(process.execPath, [example('fastify.mjs')], { env, stdio: ['ignore', 'pipe', 'inherit'] }),
    );
    try {
      const [line] = (await once(child.stdout.setEncoding('utf8'), 'data')) as [string];
      const url = /^Listening at (\S+)/.exec(line)![1]!;
      const post = (route: string, body: Buffer) =>
        fetch(url + route, { method: 'POST', headers: { 'content-type': 'audio/wav' }, body: Uint8Array.from(body) });
      const own = (await (await post('/is-angry', speech)).json()) as { angry: boolean; score: number };
      assert.equal(own.angry, false);
      const ofPlugin = (await (await post('/emotion/api/recognize', speech)).json()) as {
        emotion: string;
        scores: Record<string, number>;
      };
      assert.equal(ofPlugin.emotion, 'neutral');
      assert.equal(ofPlugin.scores['angry'], own.score);
      const refused = await post('/is-angry', readFileSync(fixture('text.wav')));
      assert.deepEqual([refused.status, await refused.json()], [422, { error: 'ERR_AUDIO_DECODE' }]);
    } finally {
      child.kill('SIGTERM');
    }
    assert.deepEqual(await once(child, 'close'), [0, null]);
  });

  it('torchscript.mjs runs a model of any kind', async () => {
    const { status, stdout, stderr } = await run('torchscript.mjs', fixture('models/types.pt'), '2', '3');
    assert.deepEqual({ status, stderr }, { status: 0, stderr: '' });
    assert.match(stdout, /^Methods: .*\bforward\b.*; device: \S+; precision: fp32\nOutput: \{\n {2}dtype: 'float32',/);
  });

  it('are all tested, and listed in examples/README.md', () => {
    const files = readdirSync(path.join(root, 'examples')).filter((name) => name !== 'README.md');
    assert.deepEqual([...tested].sort(), files.sort());
    const readme = readFileSync(path.join(root, 'examples/README.md'), 'utf8');
    for (const file of files) assert.ok(readme.includes(`(${file})`), file);
  });
});
