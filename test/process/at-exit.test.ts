import assert from 'node:assert/strict';

import { endChild, ends, works } from '../support/exits.js';
import { runNode } from '../support/run.js';

// test/soak/at-exit.test.ts ends 500 processes at random moments.
describe('the process ends', () => {
  for (const [i, end] of ends.entries()) {
    it(`without a crash by ${end}`, async () => {
      const problems = await Promise.all([
        endChild(works[i % works.length]!, end, 80),
        endChild(works[(i + 1) % works.length]!, end, 400),
      ]);
      assert.deepEqual(
        problems.filter((problem) => problem !== undefined),
        [],
      );
    });
  }

  it('when nothing is pending, although the model is loaded and idle', async () => {
    const script = `const { EmotionRecognizer } = require('./dist'); const r = new EmotionRecognizer({ idleUnloadMs: 1e6 });
      process.on('exit', () => console.log('exit', r.status().model.state));
      r.recognize('test/fixtures/speech.mp3').then(() => console.log('done'));`;
    assert.deepEqual(await runNode(['-e', script]), {
      status: 0,
      signal: null,
      stdout: 'done\nexit loaded\n',
      stderr: '',
    });
  });

  it('only once a request that is not awaited has settled', async () => {
    const script = `const { EmotionRecognizer } = require('./dist'); const r = new EmotionRecognizer();
      for (const x of [1, 2, 3]) r.recognize({ samples: new Float32Array(16000 * x), sampleRate: 16000 }).then(() => console.log('done'));`;
    assert.equal((await runNode(['-e', script])).stdout, 'done\ndone\ndone\n');
  });

  it('at once when its pending requests are cancelled', async () => {
    const script = `const { EmotionRecognizer } = require('./dist'); const r = new EmotionRecognizer();
      const long = { samples: new Float32Array(16000 * 50), sampleRate: 16000 };
      r.warmUp().then(() => { for (let i = 0; i < 500; i++) r.recognize(long, { timeoutMs: 50 }).catch((e) => { process.exitCode = e.code === 'ERR_TIMEOUT' ? 7 : 1 }) });`;
    assert.equal((await runNode(['-e', script])).status, 7); // 500 such clips would take longer than the timeout of the test
  });
});
