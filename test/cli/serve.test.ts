import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { InvalidArgumentError } from 'commander';

import { origin } from '../../lib/cli/parsers.js';
import { runCli } from '../support/run.js';

describe('emotion2vec serve --warm-up', () => {
  it('ends the server if the model cannot run, and reports why', async () => {
    const output = mkdtempSync(path.join(tmpdir(), 'emotion2vec-serve-'));
    try {
      const args = ['serve', '--port', '0', '--output', output, '--warm-up', '--device', 'cuda:999'];
      const { status, stderr } = await runCli(args);
      assert.equal(status, 1, stderr);
      assert.match(stderr, /^emotion2vec: ERR_DEVICE_UNAVAILABLE: /m);
      assert.doesNotMatch(stderr, /\n {4}at /);
    } finally {
      rmSync(output, { recursive: true });
    }
  });
});

describe('origins', () => {
  const taken: [string, string][] = [
    ['https://example.org', 'https://example.org'],
    ['https://Example.org:443/', 'https://example.org'],
    ['http://localhost:5173', 'http://localhost:5173'],
    ['http://[::1]:80', 'http://[::1]'],
    ['chrome-extension://abcdef', 'chrome-extension://abcdef'],
  ];
  for (const [given, sent] of taken) {
    it(`${given} is normalized to what browsers send`, () => assert.deepEqual(origin(given, ['a']), ['a', sent]));
  }

  for (const wrong of ['', '*', 'null', 'foo', 'example.org', 'localhost:80', 'https://', 'file:///', 'https://a.b/c'])
    it(`refuses "${wrong}"`, () => assert.throws(() => origin(wrong, []), InvalidArgumentError));
  for (const wrong of ['https://a.b?c', 'https://a.b#c', 'https://user@a.b', 'mailto:a@b.c', 'https://a.b/?'])
    it(`refuses "${wrong}"`, () => assert.throws(() => origin(wrong, []), InvalidArgumentError));
});
