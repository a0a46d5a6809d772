/** Commands and the library on systems that cannot run libtorch, which Node is made to believe that it is on. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { cli } from '../support/paths.js';
import { runNode } from '../support/run.js';

const SYSTEMS: Record<string, { patch: string; told: RegExp }> = {
  'Alpine, with musl': {
    patch: `const { existsSync } = fs;
      fs.existsSync = (file) => file === '/lib/ld-musl-x86_64.so.1' || (file !== '/lib64/ld-linux-x86-64.so.2' && existsSync(file));`,
    told: /ERR_PLATFORM: There is no libtorch for linux x64 with musl \(Alpine\)\. Use an image with glibc, such as/,
  },
  'a processor of 2005': {
    patch: `const { readFileSync } = fs;
      fs.readFileSync = (file, ...rest) => file === '/proc/cpuinfo' ? 'model name\\t: Old CPU\\nflags\\t\\t: fpu sse sse2\\n' : readFileSync(file, ...rest);`,
    told: /ERR_PLATFORM: This processor \(Old CPU\) lacks sse4_1, ssse3, which libtorch needs\. In a virtual machine/,
  },
  'a Mac': {
    patch: `Object.defineProperty(process, 'platform', { value: 'darwin' });`,
    told: /ERR_PLATFORM: There is no libtorch for darwin x64\. Run it on Linux x64/,
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

  for (const [system, { patch, told }] of Object.entries(SYSTEMS)) {
    it(`${system}: commands and the library say so at once, and fetch nothing`, async () => {
      const preload = path.join(folder, 'preload.cjs');
      writeFileSync(preload, `const fs = require('node:fs'); ${patch.replaceAll('\\\\', '\\')}`);
      const env = { EMOTION2VEC_CACHE: path.join(folder, 'cache'), LIBTORCH: '' };
      for (const command of COMMANDS) {
        const { status, stderr } = await runNode(['--require', preload, cli, ...command], env);
        assert.equal(status, 1, command.join(' '));
        assert.match(stderr, told, command.join(' '));
        assert.doesNotMatch(stderr, /Fetching|Building|at .*:\d+/);
      }
      const library = `require('./dist').builtInModels(); const { EmotionRecognizer } = require('./dist');
        new EmotionRecognizer().recognize('test/fixtures/speech.wav').catch((e) => console.log(e.code + ': ' + e.message));`;
      const { stdout, stderr } = await runNode(['--require', preload, '-e', library], env);
      assert.equal(stderr, '');
      assert.match(stdout, told);
    });
  }
});
