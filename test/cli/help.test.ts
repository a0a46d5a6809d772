import assert from 'node:assert/strict';

import { runCli } from '../support/run.js';

const COMMANDS = ['recognize', 'import', 'quantize', 'compare', 'evaluate', 'serve', 'models', 'setup', 'doctor'];

describe('emotion2vec --help', () => {
  for (const command of [[], ...COMMANDS.map((name) => [name])]) {
    it(`${command.join('') || 'without a command'} fits 80 columns and shows no empty defaults`, async () => {
      const { status, stdout } = await runCli([...command, '--help'], { COLUMNS: '80' });
      assert.equal(status, 0);
      assert.deepEqual(
        stdout.split('\n').filter((line) => line.length > 80),
        [],
      );
      assert.doesNotMatch(stdout, /default: (false|\[)/);
    });
  }

  const defaults: [string, RegExp][] = [
    ['recognize', /--timeline-window <seconds> .*\(default: 1\)[^]*--timeline-hop <seconds> .*\(default: 0\.5\)/],
    ['serve', /--max-queue <count> [^(]*\(default:\s+1024\)/],
    ['compare', /default: bf16 int8\)/],
  ];
  for (const [command, expected] of defaults) {
    it(`${command} shows its defaults`, async () => assert.match((await runCli([command, '--help'])).stdout, expected));
  }
});
