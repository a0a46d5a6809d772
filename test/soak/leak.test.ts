import assert from 'node:assert/strict';

import { runNode } from '../support/run.js';

/**
 * The calls that a process repeats, and how often. Aborted calls make the resident set vary by 10 MB, which can look like more than
 * 1 KB per call over 20,000 calls; over 200,000 calls it stays below that.
 */
const CALL = {
  'clips of samples': [20_000, 'r.recognize({ samples, sampleRate: 16000 })'],
  'files, embeddings and timelines': [
    20_000,
    "r.recognize(files[i % files.length], { embedding: true, granularity: 'frame' })",
  ],
  'calls that are aborted': [
    60_000,
    `(() => { const c = new AbortController(); const p = r.recognize(i % 2 ? files[0] : { samples, sampleRate: 16000 }, { signal: c.signal });
     setTimeout(() => c.abort(), i % 5); return p.catch(() => 0) })()`,
  ],
  'calls that fail': [60_000, "r.recognize('test/fixtures/text.wav', { decoder: 'builtin' }).catch(() => 0)"],
} as const;

describe('resident memory', function () {
  this.timeout(0);

  for (const [what, [calls, call]] of Object.entries(CALL)) {
    it(`grows by less than 1 KB per call over ${calls} calls: ${what}`, async () => {
      const script = `const { EmotionRecognizer } = require('./dist'); const r = new EmotionRecognizer();
        const samples = Float32Array.from({ length: 8000 }, () => Math.random());
        const files = ['speech.wav', 'speech.mp3', 'speech.ogg', 'speech-stereo-44k.wav'].map((name) => 'test/fixtures/' + name);
        const rss = () => { gc(); return Number(/Rss:\\s+(\\d+)/.exec(require('fs').readFileSync('/proc/self/smaps_rollup', 'utf8'))[1]); };
        (async () => {
          const points = [];
          let i = 0;
          for (const total of Array.from({ length: 21 }, (_, k) => ${calls / 20} * k)) {
            await Promise.all(Array.from({ length: 8 }, async () => { while (i < total) { i++; await ${call}; } }));
            await new Promise((resolve) => setTimeout(resolve, 20));
            points.push([i, rss()]);
          }
          console.log(JSON.stringify(points));
        })();`;
      const { stdout, stderr, status } = await runNode(['--expose-gc', '-e', script]);
      assert.deepEqual({ stderr, status }, { stderr: '', status: 0 });
      const warm = (JSON.parse(stdout) as [number, number][]).slice(5); // a quarter of the calls to warm up
      const slope = 1024 * slopeOf(warm);
      console.log(`      ${slope.toFixed(0)} bytes per call; ${warm[0]![1]} KB -> ${warm.at(-1)![1]} KB`);
      assert.ok(slope < 1024, `${slope.toFixed(0)} bytes per call`);
    });
  }
});

/** Returns the slope of the least-squares line through the points. */
function slopeOf(points: readonly (readonly [number, number])[]): number {
  const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const [x, y] = [mean(points.map(([a]) => a)), mean(points.map(([, b]) => b))];
  const sum = (f: (a: number, b: number) => number) => points.reduce((total, [a, b]) => total + f(a - x, b - y), 0);
  return sum((a, b) => a * b) / sum((a) => a * a);
}
