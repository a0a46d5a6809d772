import assert from 'node:assert/strict';

import { type Ran, runNode } from './run.js';

/** Declarations that the statements may use. */
export const HEAD = `const { EmotionRecognizer } = require('./dist'); const { TorchModule } = require('./dist/torch.js');
  const { subscribe } = require('node:diagnostics_channel');
  const SPEECH = 'test/fixtures/speech.wav';
  const noise = (seconds) => ({ samples: Float32Array.from({ length: 16000 * seconds }, (_, i) => Math.sin(i * i)), sampleRate: 16000 });
  const both = (make) => Promise.all(['cuda', 'cpu'].map(make));
  const print = (value) => console.log(JSON.stringify(value));
  const failed = (error) => ({ code: error.code, message: error.message });`;

/** Runs statements that call `print` in a child process. Returns how it ended, and the printed values. */
export async function runChild(
  env: Record<string, string>,
  statements: string,
  ...args: string[]
): Promise<Ran & { printed: unknown[] }> {
  const script = `${HEAD} (async () => { ${statements} })().catch((e) => { console.error(e); process.exitCode = 1; });`;
  const ran = await runNode(['-e', script, ...args], env);
  const lines = ran.stdout.trim().split('\n').filter(Boolean);
  return { ...ran, printed: lines.map((line) => JSON.parse(line) as unknown) };
}

/** Returns the values that the statements print. Asserts that they succeed and write nothing to standard error. */
export async function inChild(env: Record<string, string>, statements: string, ...args: string[]): Promise<unknown[]> {
  const { status, signal, stderr, printed } = await runChild(env, statements, ...args);
  assert.deepEqual({ status, signal, stderr }, { status: 0, signal: null, stderr: '' });
  return printed;
}
