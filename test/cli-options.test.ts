/** What is wrong with a command line is told at once, by the name of the flag, and not after a download and a build. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { fixture } from './support/paths.js';
import { runCli } from './support/run.js';

const SPEECH = 'test/fixtures/speech.wav';
/** Whoever looks for libtorch with this gets ERR_LIBTORCH_MISSING. */
const NO_LIBTORCH = { LIBTORCH: '/usr' };

describe('options that are wrong', () => {
  const usage: [string[], RegExp][] = [
    [['recognize', '--window', '0', SPEECH], /'--window <seconds>' .* expected auto, off or seconds from 1 to 86400/],
    [['recognize', '--window', 'long', SPEECH], /'--window <seconds>' .* expected auto, off or seconds/],
    [['recognize', '--timeline-hop', '0', SPEECH], /'--timeline-hop <seconds>' .* expected seconds from 0\.02 to 3600/],
    [['recognize', '--timeline-window', '9999', SPEECH], /'--timeline-window <seconds>' .* from 0\.02 to 3600/],
    [['recognize', '--threads', '5000', SPEECH], /'--threads <count>' .* expected a whole number from 1 to 1024/],
    [['recognize', '--raw', 'g729:8000', SPEECH], /'--raw <format>' .* expected encoding:rate/],
    [['recognize', '--raw', 'mulaw', SPEECH], /'--raw .* sampleRate/],
    [['recognize', '--raw', 'mulaw:8000:1:1', SPEECH], /'--raw .* expected encoding:rate/],
    [['recognize', '--precision', 'fp8', SPEECH], /Allowed choices are auto, fp32, bf16, fp16, int8/],
    [['recognize', '--memory-budget', '0', SPEECH], /'--memory-budget <size>' .* expected a size such as/],
    [['recognize', '--device', 'gpu', SPEECH], /'--device <device>' .* expected 'auto', 'cpu', 'cuda' or 'cuda:N'/],
    [['recognize', '--output', '', SPEECH], /'--output <folder>' .* it is empty/],
    [['recognize', '--model', '', SPEECH], /'--model <name>' .* it is empty/],
    [['import', '--precision', 'auto', 'model.pt', '-o', 'out.pt'], /Allowed choices are fp32, bf16, int8/],
    [['import', '--precision', 'fp16', 'model.pt', '-o', 'out.pt'], /Allowed choices are fp32, bf16, int8/],
    [['serve', '--timeout', '30d'], /'--timeout <time>' .* expected a time from 1 ms to 24 days/],
    [['serve', '--timeout', '0.0001'], /'--timeout <time>' .* expected a time from 1 ms/],
    [['serve', '--idle-unload', '30d'], /'--idle-unload <time>' .* expected a time from 1 ms to 24 days/],
    [['serve', '--keep-bytes', '0.1'], /'--keep-bytes <size>' .* expected a size such as/],
    [['serve', '--max-upload', '9'.repeat(400)], /'--max-upload <size>' .* expected a size such as/],
    [['serve', '--max-duration', '9'.repeat(400)], /'--max-duration <time>' .* expected a time such as/],
    [['serve', '--token', ''], /'--token <secret>' argument '' is invalid\. it is empty/],
    [['serve', '--token', ' \t'], /'--token <secret>' .* it is empty/],
    [['serve', '--host', ''], /'--host <address>' .* it is empty/],
    [['serve', '--cors-origin', ''], /'--cors-origin <origins\.\.\.>' .* expected an origin such as/],
    [['serve', '--cors-origin', 'foo'], /'--cors-origin <origins\.\.\.>' .* expected an origin such as/],
    [['serve', '--cors-origin', '*'], /'--cors-origin <origins\.\.\.>' .* expected an origin such as/],
    [
      ['serve', '--cors-origin', 'https://a.example', 'https://b.example/path'],
      /argument 'https:\/\/b\.example\/path'/,
    ],
  ];
  for (const [args, message] of usage) {
    it(`${args.join(' ').slice(0, 60)}: exit status 2`, async () => {
      const { status, stderr, stdout } = await runCli(args, NO_LIBTORCH);
      assert.deepEqual([status, stdout], [2, ''], stderr);
      assert.match(stderr, message);
    });
  }

  it('an empty EMOTION2VEC_TOKEN: exit status 2', async () => {
    const { status, stderr } = await runCli(['serve'], { ...NO_LIBTORCH, EMOTION2VEC_TOKEN: '' });
    assert.equal(status, 2, stderr);
    assert.match(stderr, /from env 'EMOTION2VEC_TOKEN' is invalid\. it is empty/);
  });
});

describe('names that lead nowhere', () => {
  let folder: string;
  before(() => (folder = mkdtempSync(path.join(tmpdir(), 'emotion2vec-cli-'))));
  after(() => rmSync(folder, { recursive: true }));

  const inFolder = (name: string): string => path.join(folder, name);
  const cases: [string, () => string[], RegExp][] = [
    ['the model of recognize', () => ['recognize', '--model', 'nope', SPEECH], /ERR_MODEL_NOT_FOUND: .* "nope"/],
    ['the output of recognize', () => ['recognize', '--output', SPEECH, SPEECH], /ERR_FILE_WRITE: .* it is a file\. /],
    [
      'the input of recognize',
      () => ['recognize', 'nowhere.wav'],
      /^ERR_FILE_NOT_FOUND: There is no file nowhere\.wav/,
    ],
    [
      'an input below a file',
      () => ['recognize', `${SPEECH}/x`],
      /^ERR_FILE_NOT_FOUND: There is no file .*speech\.wav\/x\. /,
    ],
    [
      'an input without a name',
      () => ['recognize', ''],
      /^ERR_FILE_NOT_FOUND: There is no file ""\. Check the path\.\n$/,
    ],
    ['the model of compare', () => ['compare', 'nope', '--audio', SPEECH], /ERR_MODEL_NOT_FOUND: .* "nope"/],
    [
      'the input of compare',
      () => ['compare', 'small-en-de', '--audio', 'nowhere.wav'],
      /There is no file nowhere\.wav/,
    ],
    ['the checkpoint of import', () => ['import', 'nope', '-o', inFolder('out.pt')], /There is no checkpoint at nope/],
    [
      'the output of import',
      () => ['import', fixture('models'), '-o', '/nowhere/out.pt'],
      /ERR_FILE_WRITE: \/nowhere\/out\.pt could not be written/,
    ],
    ['the input of quantize', () => ['quantize', 'nope.pt', inFolder('out.pt')], /There is no model at nope\.pt/],
    [
      'the output of quantize',
      () => ['quantize', fixture('models/linears-one.pt'), '/nowhere/out.pt'],
      /ERR_FILE_WRITE: \/nowhere\/out\.pt could not be written/,
    ],
    [
      'the model of serve',
      () => ['serve', '--output', inFolder('results'), '--model', 'nope'],
      /^emotion2vec: ERR_MODEL_NOT_FOUND: .* "nope"/,
    ],
    [
      'the output of serve',
      () => ['serve', '--output', SPEECH],
      /^emotion2vec: ERR_FILE_WRITE: Results cannot be kept in test\/fixtures\/speech\.wav: it is a file\. .*\n$/,
    ],
    [
      'a folder below a file',
      () => ['serve', '--output', `${SPEECH}/x`],
      /^emotion2vec: ERR_FILE_WRITE: .* ENOTDIR.*\n$/,
    ],
  ];
  for (const [name, args, message] of cases) {
    it(`${name}: told before libtorch is looked for`, async () => {
      const { status, stderr } = await runCli(args(), NO_LIBTORCH);
      assert.equal(status, 1, stderr);
      assert.match(stderr, message);
      assert.doesNotMatch(stderr, /ERR_LIBTORCH/);
    });
  }

  it('a message that is quoted does not end in two full stops', async () => {
    const empty = inFolder('empty.pt');
    writeFileSync(empty, '');
    const { status, stderr } = await runCli(['serve', '--output', inFolder('results'), '--model', empty], NO_LIBTORCH);
    assert.equal(status, 1);
    assert.match(stderr, /ERR_MODEL_LOAD: .* file is truncated\. Give a TorchScript archive/);
  });
});
