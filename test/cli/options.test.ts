/** Errors in a command line are reported before anything is downloaded or built, with the name of the flag. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { fixture } from '../support/paths.js';
import { runCli } from '../support/run.js';

const SPEECH = 'test/fixtures/speech.wav';
/** Makes every search for libtorch fail with ERR_LIBTORCH_MISSING. */
const NO_LIBTORCH = { LIBTORCH: '/usr' };

/** A command line, the flag that the message must name, and what it must say about the value, where the wording is the point. */
const INVALID: [string[], string, string?][] = [
  [['recognize', '--window', '0', SPEECH], '--window', 'of at least 1'],
  [['recognize', '--window', 'long', SPEECH], '--window', "'auto', 'off'"],
  [['recognize', '--timeline-hop', '0', SPEECH], '--timeline-hop', '0.02'],
  [['recognize', '--timeline-window', '9999', SPEECH], '--timeline-window', '3600'],
  [['recognize', '--threads', '5000', SPEECH], '--threads', '1024'],
  [['recognize', '--threads', '1.5', SPEECH], '--threads', 'an integer'],
  [['recognize', '--threads', 'many', SPEECH], '--threads', "'many'"],
  [['recognize', '--raw', 'g729:8000', SPEECH], '--raw', "'mulaw'"],
  [['recognize', '--raw', 'mulaw', SPEECH], '--raw', 'encoding:rate'],
  [['recognize', '--raw', 'mulaw:fast', SPEECH], '--raw', 'sampleRate'],
  [['recognize', '--raw', 'mulaw:8000:1:1', SPEECH], '--raw', 'encoding:rate'],
  [['recognize', '--precision', 'fp8', SPEECH], '--precision', 'auto, fp32, bf16, fp16, int8'],
  [['recognize', '--memory-budget', '0', SPEECH], '--memory-budget'],
  [['recognize', '--device', 'gpu', SPEECH], '--device', "'cuda:N'"],
  [['recognize', '--output', '', SPEECH], '--output'],
  [['recognize', '--model', '', SPEECH], '--model'],
  [['import', '--precision', 'auto', 'model.pt', '-o', 'out.pt'], '--precision', 'fp32, bf16, int8'],
  [['import', '--precision', 'fp16', 'model.pt', '-o', 'out.pt'], '--precision', 'fp32, bf16, int8'],
  [['serve', '--timeout', '30d'], '--timeout', '24 days'],
  [['serve', '--timeout', '0.0001'], '--timeout', '1 ms'],
  [['serve', '--idle-unload', '30d'], '--idle-unload', '24 days'],
  [['serve', '--keep-bytes', '0.1'], '--keep-bytes'],
  [['serve', '--max-upload', '9'.repeat(400)], '--max-upload'],
  [['serve', '--max-duration', '9'.repeat(400)], '--max-duration'],
  [['serve', '--max-queue', '0'], '--max-queue'],
  [['serve', '--port', '65536'], '--port', '65535'],
  [['serve', '--rate-limit', '-1'], '--rate-limit'],
  [['serve', '--trust-proxy', '99'], '--trust-proxy', '32'],
  [['serve', '--trust-proxy', '10.0.0.0/8,proxy.example'], '--trust-proxy', '10.0.0.0/8'],
  [['serve', '--token', ''], '--token'],
  [['serve', '--token', ' \t'], '--token'],
  [['serve', '--host', ''], '--host'],
  [['serve', '--cors-origin', ''], '--cors-origin'],
  [['serve', '--cors-origin', 'foo'], '--cors-origin'],
  [['serve', '--cors-origin', '*'], '--cors-origin'],
  [
    ['serve', '--cors-origin', 'https://a.example', 'https://b.example/path'],
    '--cors-origin',
    'https://b.example/path',
  ],
];

describe('invalid values of options', () => {
  for (const [args, flag, text = ''] of INVALID) {
    it(`${args.join(' ').slice(0, 60)}: exit status 2`, async () => {
      const { status, stderr, stdout } = await runCli(args, NO_LIBTORCH);
      assert.deepEqual([status, stdout], [2, ''], stderr);
      assert.match(stderr, new RegExp(`^error: option '[^']*${flag} `));
      assert.ok(stderr.includes(text), stderr);
    });
  }

  it('an empty EMOTION2VEC_TOKEN: exit status 2', async () => {
    const { status, stderr } = await runCli(['serve'], { ...NO_LIBTORCH, EMOTION2VEC_TOKEN: '' });
    assert.equal(status, 2, stderr);
    assert.match(stderr, /EMOTION2VEC_TOKEN/);
  });
});

describe('paths and names that cannot be used', () => {
  let folder: string;
  before(() => (folder = mkdtempSync(path.join(tmpdir(), 'emotion2vec-cli-'))));
  after(() => rmSync(folder, { recursive: true }));

  const inFolder = (name: string): string => path.join(folder, name);
  /** A name, a command line, and the code and the quoted name of the message. */
  const cases: [string, () => string[], string, string][] = [
    ['the model of recognize', () => ['recognize', '--model', 'nope', SPEECH], 'ERR_MODEL_NOT_FOUND', '"nope"'],
    ['the output of recognize', () => ['recognize', '--output', SPEECH, SPEECH], 'ERR_FILE_WRITE', SPEECH],
    ['the input of recognize', () => ['recognize', 'nowhere.wav'], 'ERR_FILE_NOT_FOUND', 'nowhere.wav'],
    ['an input below a file', () => ['recognize', `${SPEECH}/x`], 'ERR_FILE_NOT_FOUND', `${SPEECH}/x`],
    ['an empty input', () => ['recognize', ''], 'ERR_FILE_NOT_FOUND', '""'],
    ['the model of compare', () => ['compare', 'nope', '--audio', SPEECH], 'ERR_MODEL_NOT_FOUND', '"nope"'],
    [
      'the input of compare',
      () => ['compare', 'small-en-de', '--audio', 'nowhere.wav'],
      'ERR_FILE_NOT_FOUND',
      'nowhere.wav',
    ],
    ['the checkpoint of import', () => ['import', 'nope', '-o', inFolder('out.pt')], 'ERR_FILE_NOT_FOUND', 'nope'],
    [
      'the output of import',
      () => ['import', fixture('models'), '-o', '/nowhere/out.pt'],
      'ERR_FILE_WRITE',
      '/nowhere/out.pt',
    ],
    ['the input of quantize', () => ['quantize', 'nope.pt', inFolder('out.pt')], 'ERR_FILE_NOT_FOUND', 'nope.pt'],
    [
      'the output of quantize',
      () => ['quantize', fixture('models/linears-one.pt'), '/nowhere/out.pt'],
      'ERR_FILE_WRITE',
      '/nowhere/out.pt',
    ],
    [
      'the model of serve',
      () => ['serve', '--output', inFolder('results'), '--model', 'nope'],
      'ERR_MODEL_NOT_FOUND',
      '"nope"',
    ],
    ['the output of serve', () => ['serve', '--output', SPEECH], 'ERR_FILE_WRITE', SPEECH],
    ['an output below a file', () => ['serve', '--output', `${SPEECH}/x`], 'ERR_FILE_WRITE', `${SPEECH}/x`],
  ];
  for (const [name, args, code, quoted] of cases) {
    it(`${name}: refused before the search for libtorch`, async () => {
      const { status, stderr } = await runCli(args(), NO_LIBTORCH);
      assert.equal(status, 1, stderr);
      assert.match(stderr, new RegExp(`^(emotion2vec: )?${code}: `));
      assert.ok(stderr.includes(quoted), stderr);
      assert.doesNotMatch(stderr, /ERR_LIBTORCH/);
      assert.equal(stderr.trimEnd().split('\n').length, 1, 'one line');
    });
  }

  it('a quoted message does not end in two full stops', async () => {
    const empty = inFolder('empty.pt');
    writeFileSync(empty, '');
    const { status, stderr } = await runCli(['serve', '--output', inFolder('results'), '--model', empty], NO_LIBTORCH);
    assert.equal(status, 1);
    assert.match(stderr, /ERR_MODEL_LOAD: /);
    assert.doesNotMatch(stderr, /\.\. /);
  });
});
