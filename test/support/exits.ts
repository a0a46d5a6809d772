/** Child processes that end in different ways and at any moment. */
import { spawn } from 'node:child_process';

import { root } from './paths.js';

/** Ways in which a child ends: the statement that ends it, and the expected status or signal. */
const ENDS = {
  'process.exit': { how: 'process.exit(7)', expected: 7 },
  'an uncaught exception': { how: "throw new Error('on purpose')", expected: 1 },
  'an unhandled rejection': { how: "Promise.reject(new Error('on purpose'))", expected: 1 },
  SIGTERM: { how: "process.kill(process.pid, 'SIGTERM')", expected: 'SIGTERM' },
  'SIGTERM, handled': {
    // A signal handler does not keep the process alive. Without the timer, it may end before the signal arrives.
    how: "process.once('SIGTERM', () => process.exit(7)); setTimeout(() => 0, 10_000); process.kill(process.pid, 'SIGTERM')",
    expected: 7,
  },
  SIGINT: { how: "process.kill(process.pid, 'SIGINT')", expected: 'SIGINT' },
  'a closed recognizer': { how: 'process.exitCode = 7; r.over = true; void r.close()', expected: 7 },
  'a drained recognizer': { how: 'process.exitCode = 7; r.over = true; void r.close({ drain: true })', expected: 7 },
} as const;

/** Work of the child in the meantime. */
const WORK = {
  'cold calls': 'work()',
  'warm calls': 'r.warmUp().then(work, () => 0)',
  'loads and unloads': 'const again = () => r.warmUp().then(() => r.unload()).then(again); again().catch(() => 0)',
  'calls in a worker':
    "const { Worker } = require('worker_threads'); new Worker(`${head}; work()`, { eval: true }).on('error', () => 0)",
  'workers that are terminated':
    "const { Worker } = require('worker_threads'); const spin = () => { const w = new Worker(`${head}; work()`, { eval: true }); w.on('error', () => 0); setTimeout(() => w.terminate().then(() => r.over || spin()), 120) }; spin()",
  'a quantization':
    "require('./dist/torch.js').TorchModule.load('models/small-en-de.pt').then((m) => { work(); return m.quantize() }).catch(() => 0)",
} as const;

export type End = keyof typeof ENDS;
export type Work = keyof typeof WORK;
export const ends = Object.keys(ENDS) as End[];
export const works = Object.keys(WORK) as Work[];

const HEAD = `const { EmotionRecognizer } = require('./dist'); const r = new EmotionRecognizer();
  const work = () => { for (let i = 0; i < 6; i++) r.recognize(i % 2 ? 'test/fixtures/speech.mp3' :
    { samples: new Float32Array(16000 * (1 + 30 * (i % 3))), sampleRate: 16000 }).catch(() => 0) }`;

/** Runs a child. Returns a description if it did not end as expected, undefined otherwise. */
export function endChild(work: Work, end: End, afterMs: number): Promise<string | undefined> {
  const { how, expected } = ENDS[end];
  const script = `const head = ${JSON.stringify(HEAD)}; ${HEAD}; ${WORK[work]};
    setTimeout(() => { ${how} }, ${afterMs}); setTimeout(() => process.exit(99), 90_000).unref()`; // in case the test has ended
  return new Promise((resolve) => {
    const child = spawn(process.execPath, ['-e', script], { cwd: root, stdio: ['ignore', 'ignore', 'pipe'] });
    let stderr = '';
    child.stderr.on('data', (text) => (stderr += text));
    const hung = setTimeout(() => child.kill('SIGKILL'), 60_000);
    child.on('close', (status, signal) => {
      clearTimeout(hung);
      const what = `${work}, ended by ${end} after ${afterMs} ms: ${signal ?? status}, not ${expected}\n${stderr}`;
      resolve((signal ?? status) === expected ? undefined : what);
    });
  });
}
