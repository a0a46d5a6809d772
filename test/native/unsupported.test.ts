/** The commands and the library on systems that cannot run libtorch, which a preloaded module simulates. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { cli } from '../support/paths.js';
import { runNode } from '../support/run.js';

const SYSTEMS: Record<string, { patch: string; expected: RegExp }> = {
  'Alpine, with musl': {
    patch: `require(process.cwd() + '/node_modules/detect-libc').familySync = () => 'musl';`,
    expected: /ERR_PLATFORM: There is no libtorch for linux x64 with musl \(Alpine\)\. /,
  },
  'a processor of 2005': {
    patch: `const { readFileSync } = fs;
      fs.readFileSync = (file, ...rest) => file === '/proc/cpuinfo' ? 'model name\\t: Old CPU\\nflags\\t\\t: fpu sse sse2\\n' : readFileSync(file, ...rest);`,
    expected: /ERR_PLATFORM: This processor \(Old CPU\) lacks sse4_1, ssse3, which libtorch needs\. /,
  },
  'a Mac': {
    patch: `Object.defineProperty(process, 'platform', { value: 'darwin' });`,
    expected: /ERR_PLATFORM: There is no libtorch for darwin x64\. /,
  },
};
const COMMANDS = [
  ['recognize', 'test/fixtures/speech.wav'],
  ['serve', '--port', '0', '--output', 'build/unsupported'],
  ['setup'],
  ['setup', '--cuda', '--yes'],
];

describe('a system that cannot run libtorch', () => {
  let folder: string;
  before(() => (folder = mkdtempSync(path.join(tmpdir(), 'emotion2vec-unsupported-'))));
  after(() => rmSync(folder, { recursive: true }));

  for (const [system, { patch, expected }] of Object.entries(SYSTEMS)) {
    it(`${system}: the commands and the library report it at once, and download nothing`, async () => {
      const preload = path.join(folder, 'preload.cjs');
      writeFileSync(preload, `const fs = require('node:fs'); ${patch.replaceAll('\\\\', '\\')}`);
      const env = { EMOTION2VEC_CACHE: path.join(folder, 'cache'), LIBTORCH: '' };
      for (const command of COMMANDS) {
        const { status, stderr } = await runNode(['--require', preload, cli, ...command], env);
        assert.equal(status, 1, command.join(' '));
        assert.match(stderr, expected, command.join(' '));
        assert.doesNotMatch(stderr, /Downloading|Building|at .*:\d+/);
      }
      const library = `require('./dist').builtInModels(); const { EmotionRecognizer } = require('./dist');
        new EmotionRecognizer().recognize('test/fixtures/speech.wav').catch((e) => console.log(e.code + ': ' + e.message));`;
      const { stdout, stderr } = await runNode(['--require', preload, '-e', library], env);
      assert.equal(stderr, '');
      assert.match(stdout, expected);
    });
  }
});
