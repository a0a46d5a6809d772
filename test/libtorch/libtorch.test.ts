import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { EmotionError } from '../../lib/errors.js';
import { downloadLibtorch } from '../../lib/libtorch/download.js';
import { cachedLibtorch, locateLibtorch } from '../../lib/libtorch/locate.js';
import { LIBTORCH_VERSION } from '../../lib/libtorch/pin.js';
import { runNode } from '../support/run.js';

const quiet = { say: () => undefined, bytes: () => undefined };
const failed = (message: RegExp) => (error: unknown) => {
  assert.ok(error instanceof EmotionError && error.code === 'ERR_LIBTORCH_DOWNLOAD', String(error));
  assert.match(error.message, message);
  return true;
};

describe('libtorch', () => {
  let folder: string;
  let wheel: Buffer;
  let server: Server;
  let requests = 0;
  let env: Record<string, string>;

  /** An archive with these files, made by Python's zipfile as wheels are. */
  function zip(files: Record<string, string>): Buffer {
    const script =
      'import json,sys,zipfile\nz=zipfile.ZipFile(sys.argv[1],"w",zipfile.ZIP_DEFLATED)\n[z.writestr(*f) for f in json.loads(sys.argv[2]).items()]\nz.close()';
    const file = path.join(folder, 'made.zip');
    execFileSync('python3', ['-c', script, file, JSON.stringify(files)]);
    return readFileSync(file);
  }

  function serve(bytes: Buffer): void {
    wheel = bytes;
    env.EMOTION2VEC_LIBTORCH_SHA256 = createHash('sha256').update(bytes).digest('hex');
  }

  const WHOLE = {
    'torch/version.py': `__version__ = '${LIBTORCH_VERSION}+test'\n`,
    'torch/lib/libtorch_cpu.so': 'x'.repeat(100_000),
    'torch/lib/libc10.so': 'x',
    'torch/lib/libtorch_cuda.so': 'not wanted',
    'torch/include/torch/script.h': '',
  };

  beforeEach(async () => {
    folder = mkdtempSync(path.join(tmpdir(), 'emotion2vec-'));
    requests = 0;
    server = createServer((request, response) => {
      requests++;
      if (request.url === '/missing.whl') return response.writeHead(404).end();
      response.writeHead(200, { 'content-length': wheel.length });
      if (request.url === '/cut.whl') return response.write(wheel.subarray(0, 100), () => response.destroy());
      setTimeout(() => response.end(wheel), request.url === '/slow.whl' ? 500 : 0);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    env = { EMOTION2VEC_CACHE: path.join(folder, 'cache'), PATH: '' };
    serve(zip(WHOLE));
    at('torch.whl');
  });
  afterEach(() => {
    server.close();
    rmSync(folder, { recursive: true });
  });
  const at = (name: string) => {
    env.EMOTION2VEC_LIBTORCH_URL = `http://127.0.0.1:${(server.address() as AddressInfo).port}/${name}`;
  };
  const nothingLeft = () => assert.deepEqual(readdirSync(env.EMOTION2VEC_CACHE!), []);

  it('comes from a mirror, only what is needed of it, and is found afterwards', async () => {
    assert.equal(locateLibtorch(env), undefined);
    await downloadLibtorch(quiet, env);
    const found = locateLibtorch(env)!;
    assert.deepEqual([found.version, found.source, found.root], [LIBTORCH_VERSION, 'cache', cachedLibtorch(env)]);
    assert.deepEqual(readdirSync(found.libDir).sort(), ['libc10.so', 'libtorch_cpu.so']);
    assert.deepEqual(readdirSync(env.EMOTION2VEC_CACHE!), [`libtorch-${LIBTORCH_VERSION}`]);
    await downloadLibtorch(quiet, env);
    assert.equal(requests, 1);
  });

  it('of the wrong hash is refused, and nothing stays', async () => {
    env.EMOTION2VEC_LIBTORCH_SHA256 = '0'.repeat(64);
    await assert.rejects(downloadLibtorch(quiet, env), failed(/has sha256 [0-9a-f]{64}, not 0000/));
    nothingLeft();
    delete env.EMOTION2VEC_LIBTORCH_SHA256;
    await assert.rejects(downloadLibtorch(quiet, env), failed(/needs EMOTION2VEC_LIBTORCH_SHA256/));
  });

  it('that is absent, or whose connection ends in the middle, is a clear error', async () => {
    at('missing.whl');
    await assert.rejects(downloadLibtorch(quiet, env), failed(/answered 404/));
    at('cut.whl');
    await assert.rejects(downloadLibtorch(quiet, env), failed(/could not be fetched/));
    nothingLeft();
    at('torch.whl');
    await downloadLibtorch(quiet, env);
  });

  it('that is no libtorch, or leads out of its folder, is refused', async () => {
    serve(zip({ 'torch/version.py': '' }));
    await assert.rejects(downloadLibtorch(quiet, env), failed(/holds no lib\/libtorch_cpu\.so/));
    serve(zip({ ...WHOLE, 'lib/../../../evil': 'x' }));
    await assert.rejects(downloadLibtorch(quiet, env), failed(/could not be fetched/));
    assert.ok(!existsSync(path.join(folder, 'evil')));
    nothingLeft();
  });

  it('is not fetched by a process that sees the lock of another being written', async () => {
    const lock = path.join(folder, 'torn.lock');
    const script = (patch: string) => `${patch}
      require('./dist/libtorch/lock.js').withLock(${JSON.stringify(lock)}, () => {}, async () => {
        console.log('in', Date.now());
        await new Promise((resolve) => setTimeout(resolve, 500));
        console.log('out', Date.now());
      });`;
    // A process that loses the processor between the making of a file and the writing of it.
    const slow = `const fs = require('fs'); const { writeFileSync } = fs;
      fs.writeFileSync = (file, text, options) => {
        writeFileSync(file, '', options);
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 600);
        writeFileSync(file, text, { flag: 'a' });
      };`;
    const stays = await Promise.all([slow, '', ''].map((patch) => runNode(['-e', script(patch)])));
    const times = stays.map(({ stdout }) => [...stdout.matchAll(/\d+/g)].map(Number)).sort(([a], [b]) => a! - b!);
    assert.deepEqual([times.length, times.flat().length], [3, 6], stays.map(({ stderr }) => stderr).join());
    for (let i = 1; i < 3; i++) assert.ok(times[i]![0]! >= times[i - 1]![1]!, `${times.join(' ')}: two at once`);
    assert.ok(!existsSync(lock));
  });

  it('is fetched once by two processes that race', async () => {
    at('slow.whl');
    const script = `require('./dist/libtorch/download.js').downloadLibtorch({ say() {}, bytes() {} })`;
    const both = await Promise.all([
      runNode(['-e', script], { ...env, PATH: process.env.PATH! }),
      runNode(['-e', script], { ...env, PATH: process.env.PATH! }),
    ]);
    assert.deepEqual(
      both.map(({ status }) => status),
      [0, 0],
      both.map(({ stderr }) => stderr).join(),
    );
    assert.equal(requests, 1);
  });

  it('is fetched anew after a process was killed in the middle', async () => {
    const cache = env.EMOTION2VEC_CACHE!;
    const dead = 2 ** 22 + 1; // above Linux's largest pid
    mkdirSync(path.join(cache, `libtorch-${LIBTORCH_VERSION}.${dead}.part/archives`), { recursive: true });
    writeFileSync(path.join(cache, `libtorch-${LIBTORCH_VERSION}.lock`), String(dead));
    await downloadLibtorch(quiet, env);
    assert.deepEqual(readdirSync(cache), [`libtorch-${LIBTORCH_VERSION}`]);
  });

  it('is taken from LIBTORCH before the cache, and only in the pinned version', async () => {
    await downloadLibtorch(quiet, env);
    const own = path.join(folder, 'own');
    mkdirSync(path.join(own, 'torch/lib'), { recursive: true });
    for (const name of ['libtorch_cpu.so', 'libc10.so']) writeFileSync(path.join(own, 'torch/lib', name), '');
    writeFileSync(path.join(own, 'torch/version.py'), `__version__ = '${LIBTORCH_VERSION}'`);
    assert.equal(locateLibtorch({ ...env, LIBTORCH: own })?.source, 'LIBTORCH');
    assert.equal(locateLibtorch({ ...env, LIBTORCH: path.join(own, 'torch') })?.root, own);
    writeFileSync(path.join(own, 'torch/version.py'), "__version__ = '2.15.0'");
    assert.throws(() => locateLibtorch({ ...env, LIBTORCH: own }), {
      code: 'ERR_LIBTORCH_MISSING',
      message: /version 2\.15\.0; 2\.11\.0 is needed/,
    });
  });
});
