import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { cachedLibtorch } from '../../lib/libtorch/locate.js';
import { CPU_SET, CUDA_SET } from '../../lib/libtorch/pin.js';
import { CPU_FILES, CUDA_FILES, Mirror, writeFiles } from '../libtorch/mirror.js';
import { endsWithTest, hasEnded } from '../support/children.js';
import { cli, root } from '../support/paths.js';
import { type Ran, runCli } from '../support/run.js';

describe('emotion2vec setup --cuda', () => {
  let mirror: Mirror;
  let env: Record<string, string>;

  beforeEach(async () => {
    mirror = await Mirror.start(CUDA_FILES);
    mirror.python('exit 1'); // no torch in Python
    env = mirror.env;
  });
  afterEach(() => mirror.close());

  const setup = (...flags: string[]) => runCli(['setup', '--cuda', ...flags], env);
  const there = () => cachedLibtorch(env, CUDA_SET);

  /** Runs the command on a terminal and types `answer` when it asks. `stdout` is the text of both stdout and stderr. */
  function onTerminal(answer: string): Promise<Pick<Ran, 'status' | 'stdout'>> {
    const command = `'${process.execPath}' '${cli}' setup --cuda`;
    const options = { cwd: root, env: { ...process.env, ...env }, timeout: 20_000 };
    const child = endsWithTest(spawn('script', ['-qec', command, '/dev/null'], options));
    let stdout = '';
    child.stdout.on('data', (chunk: Buffer) => {
      const asked = stdout.includes('[y/N]');
      stdout += chunk.toString();
      if (!asked && stdout.includes('[y/N]')) child.stdin.write(answer);
    });
    return new Promise((resolve) => child.on('close', (status) => resolve({ status, stdout })));
  }

  it('describes the download, and downloads nothing without consent', async () => {
    const { status, stderr } = await setup();
    assert.equal(status, 2);
    assert.ok(stderr.includes(`from ${env.EMOTION2VEC_LIBTORCH_URL!}.`), stderr);
    assert.match(stderr, /--yes/);
    env.EMOTION2VEC_LIBTORCH_URL = '';
    const pip = await setup();
    assert.equal(pip.status, 2);
    assert.match(pip.stderr, /^libtorch 2\.11\.0 with CUDA 13\.0 .* pip \(2\.5 GB\)\.\n/);
    assert.ok(pip.stderr.includes(`3.5 GB in ${there()}.\n`), pip.stderr);
    assert.deepEqual([mirror.requests, existsSync(mirror.cache)], [0, false]);
  });

  it('downloads once with --yes and replaces the libtorch without CUDA', async () => {
    writeFiles(cachedLibtorch(env, CPU_SET), CPU_FILES);
    const { status, stdout, stderr } = await setup('--yes');
    assert.equal(status, 0, stderr);
    assert.match(stderr, /497 MB without CUDA/);
    assert.ok(stdout.startsWith(`libtorch 2.11.0 with CUDA 13.0: ${there()} (cache)\naddon: `), stdout);
    assert.deepEqual(mirror.cached(), [CUDA_SET.folder]);
    const again = await setup();
    assert.deepEqual([again.status, again.stdout, mirror.requests], [0, stdout, 1]);
    assert.equal(again.stderr, `libtorch with CUDA 13.0 is already installed: ${there()} (cache)\n`);
  });

  describe('on a terminal', () => {
    before(function () {
      if (spawnSync('script', ['--version']).status !== 0) {
        console.log('      skipped: script is not installed (apt-get install bsdutils)');
        this.skip();
      }
    });

    for (const [name, answer] of Object.entries({
      n: 'n\n',
      nothing: '\n',
      'the end of input': '\u0004',
      'Ctrl-C': '\u0003',
    })) {
      it(`treats ${name} as no`, async () => {
        const { status, stdout } = await onTerminal(answer);
        assert.equal(status, 1, stdout);
        assert.match(stdout, /\[y\/N\]/);
        assert.deepEqual([mirror.requests, existsSync(mirror.cache)], [0, false]);
      });
    }

    it('downloads when the answer is yes', async () => {
      const { status, stdout } = await onTerminal('Yes\n');
      assert.equal(status, 0, stdout);
      assert.match(stdout, /libtorch 2\.11\.0 with CUDA 13\.0: /);
      assert.deepEqual([mirror.requests, mirror.cached()], [1, [CUDA_SET.folder]]);
    });
  });

  it('leaves no unfinished files when it is interrupted', async () => {
    mirror.at('slow.whl');
    const options = { env: { ...process.env, ...env } };
    const child = endsWithTest(spawn(process.execPath, [cli, 'setup', '--cuda', '--yes'], options));
    const ended = new Promise((resolve) => child.on('close', (_status, signal) => resolve(signal)));
    // The unfinished folder has a random part in its name.
    const unfinished = () => (existsSync(mirror.cache) ? mirror.cached() : []).find((name) => name.endsWith('.part'));
    const hasBegun = () => existsSync(path.join(mirror.cache, unfinished() ?? 'none', 'archives/libtorch.zip'));
    while (!hasBegun() && !hasEnded(child)) await sleep(10);
    child.kill('SIGINT');
    assert.equal(await ended, 'SIGINT');
    assert.deepEqual([unfinished(), existsSync(there())], [undefined, false]);
    mirror.at('torch.whl');
    assert.equal((await setup('--yes')).status, 0);
    assert.deepEqual(mirror.cached(), [CUDA_SET.folder]);
  });

  it('downloads nothing when LIBTORCH takes precedence', async () => {
    env.LIBTORCH = path.join(mirror.folder, 'own');
    writeFiles(env.LIBTORCH, CPU_FILES);
    const { status, stderr } = await setup('--yes');
    assert.deepEqual([status, mirror.requests], [1, 0]);
    assert.match(stderr, /ERR_LIBTORCH_MISSING: .*\bown\b.*\bLIBTORCH\b/);
    writeFiles(env.LIBTORCH, CUDA_FILES);
    const whole = await setup();
    assert.equal(whole.status, 0, whole.stderr);
    assert.match(whole.stdout, /with CUDA 13\.0: .*own \(LIBTORCH\)\n/);
  });

  it("uses Python's torch if it has CUDA", async () => {
    const site = path.join(mirror.folder, 'site-packages');
    writeFiles(site, CUDA_FILES);
    mirror.python(`echo ${site}`);
    assert.match((await setup()).stdout, /with CUDA 13\.0: .*site-packages \(python\)\n/);
    writeFiles(cachedLibtorch(env, CPU_SET), CPU_FILES); // would take precedence
    const { status, stdout, stderr } = await setup();
    assert.equal(status, 0, stderr);
    assert.match(stdout, /with CUDA 13\.0: .*site-packages \(python\)\n/);
    assert.equal(mirror.requests, 0);
  });
});
