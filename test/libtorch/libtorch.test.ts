import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

import { downloadLibtorch } from '../../lib/libtorch/download.js';
import { cachedLibtorch, locateLibtorch } from '../../lib/libtorch/locate.js';
import { LIBTORCH_VERSION } from '../../lib/libtorch/pin.js';
import { runNode } from '../support/run.js';
import { CPU_FILES, CUDA_FILES, DEAD_PID, Mirror, writeFiles, failed } from './mirror.js';

const quiet = { say: () => undefined, bytes: () => undefined };

/** Advice for errors that trying again does not help against. */
const CORRECT = /\. Correct EMOTION2VEC_LIBTORCH_URL, .*, and EMOTION2VEC_LIBTORCH_SHA256, /;
const INSTALL_PIP = /\. Install pip \(apt-get install python3-pip\), or set EMOTION2VEC_LIBTORCH_URL or LIBTORCH\.$/;

const FOLDER = `libtorch-${LIBTORCH_VERSION}`;

describe('libtorch', () => {
  let mirror: Mirror;
  let env: Record<string, string>;

  beforeEach(async () => {
    mirror = await Mirror.start(CUDA_FILES);
    env = mirror.env;
  });
  afterEach(() => mirror.close());

  it('is downloaded from a mirror, only its needed files, and is found afterwards', async () => {
    assert.equal(locateLibtorch(env), undefined);
    await downloadLibtorch(quiet, { env });
    const found = locateLibtorch(env)!;
    assert.deepEqual([found.version, found.source, found.root], [LIBTORCH_VERSION, 'cache', cachedLibtorch(env)]);
    assert.deepEqual(readdirSync(found.libDir).sort(), ['libc10.so', 'libtorch_cpu.so']);
    assert.deepEqual(mirror.cached(), [FOLDER]);
    await downloadLibtorch(quiet, { env });
    assert.equal(mirror.requests, 1);
  });

  it('with the wrong hash is refused, and nothing remains', async () => {
    env.EMOTION2VEC_LIBTORCH_SHA256 = '0'.repeat(64);
    await assert.rejects(downloadLibtorch(quiet, { env }), failed(/[0-9a-f]{64}.* 0000/));
    assert.deepEqual(mirror.cached(), []);
    delete env.EMOTION2VEC_LIBTORCH_SHA256;
    await assert.rejects(downloadLibtorch(quiet, { env }), failed(/EMOTION2VEC_LIBTORCH_SHA256/));
  });

  it('that is absent, or whose connection ends early, is a clear error', async () => {
    mirror.at('missing.whl');
    await assert.rejects(downloadLibtorch(quiet, { env }), failed(/\b404\b/));
    mirror.at('cut.whl');
    await assert.rejects(downloadLibtorch(quiet, { env }), failed());
    assert.deepEqual(mirror.cached(), []);
    mirror.at('torch.whl');
    await downloadLibtorch(quiet, { env });
  });

  it('is refused where the archive is not libtorch, is another version, or has names that lead out of its folder', async () => {
    mirror.serve({ 'torch/version.py': '' });
    await assert.rejects(downloadLibtorch(quiet, { env }), failed(/lib\/libtorch_cpu\.so/));
    mirror.serve({ ...CPU_FILES, 'torch/version.py': "__version__ = '2.15.0'" });
    await assert.rejects(downloadLibtorch(quiet, { env }), failed(/2\.15\.0.*2\.11\.0/));
    mirror.serve({ ...CPU_FILES, 'torch/include/../../../../evil': 'x' });
    await assert.rejects(downloadLibtorch(quiet, { env }), failed());
    assert.ok(!existsSync(path.join(mirror.folder, 'evil')));
    assert.deepEqual(mirror.cached(), []);
  });

  it('reports what to correct where the mirror is wrong', async () => {
    const downloading = () => downloadLibtorch(quiet, { env });
    for (const url of ['nonsense', 'ftp://127.0.0.1/torch.whl', 'file://elsewhere/torch.whl']) {
      env.EMOTION2VEC_LIBTORCH_URL = url;
      await assert.rejects(downloading(), failed(CORRECT));
    }
    const file = path.join(mirror.folder, 'other.zip');
    env.EMOTION2VEC_LIBTORCH_URL = pathToFileURL(mirror.folder).href;
    await assert.rejects(downloading(), failed(CORRECT));
    writeFileSync(file, '<html>');
    env.EMOTION2VEC_LIBTORCH_URL = pathToFileURL(file).href;
    await assert.rejects(downloading(), failed(CORRECT));
    env.EMOTION2VEC_LIBTORCH_SHA256 = createHash('sha256').update('<html>').digest('hex');
    await assert.rejects(downloading(), failed(CORRECT));
    env.EMOTION2VEC_LIBTORCH_SHA256 = '';
    await assert.rejects(downloading(), failed(CORRECT));
    assert.deepEqual(mirror.cached(), []);
  });

  it('is downloaded from a file where that exists', async () => {
    env.EMOTION2VEC_LIBTORCH_URL = 'file:///none/torch.whl';
    await assert.rejects(downloadLibtorch(quiet, { env }), failed(/ENOENT: .*\/none\/torch\.whl'\. Correct/));
    env.EMOTION2VEC_LIBTORCH_URL = pathToFileURL(path.join(mirror.folder, 'made.zip')).href;
    await downloadLibtorch(quiet, { env });
    assert.equal(locateLibtorch(env)?.source, 'cache');
  });

  it('reports why the mirror was not reached', async () => {
    mirror.stop();
    await assert.rejects(
      downloadLibtorch(quiet, { env }),
      failed(/fetch failed: connect ECONNREFUSED 127\.0\.0\.1:\d+\. Check the network/),
    );
  });

  it('needs a writable cache', async () => {
    writeFileSync(mirror.cache, 'a file');
    const writable = /\. Set EMOTION2VEC_CACHE to a folder that is writable\.$/;
    await assert.rejects(downloadLibtorch(quiet, { env }), failed(writable));
    env.EMOTION2VEC_CACHE = path.join(mirror.cache, 'below');
    await assert.rejects(downloadLibtorch(quiet, { env }), failed(writable));
  });

  it("may be libtorch's own zip", async () => {
    mirror.serve({
      'libtorch/build-version': `${LIBTORCH_VERSION}+cpu\n`,
      'libtorch/lib/libtorch_cpu.so': 'x',
      'libtorch/lib/libc10.so': 'x',
      'libtorch/include/torch/script.h': '',
    });
    await downloadLibtorch(quiet, { env });
    const found = locateLibtorch(env)!;
    assert.deepEqual([found.version, found.cuda, found.cudaVersion], [LIBTORCH_VERSION, false, undefined]);
    assert.ok(existsSync(path.join(found.root, 'torch/include/torch/script.h')));
  });

  it('is downloaded with pip, whose files are checked too', async () => {
    delete env.EMOTION2VEC_LIBTORCH_URL;
    await assert.rejects(downloadLibtorch(quiet, { env }), failed(/python3/));
    await assert.rejects(downloadLibtorch(quiet, { env }), failed(INSTALL_PIP));
    mirror.python('echo "/usr/bin/python3: No module named pip" >&2; exit 1');
    await assert.rejects(downloadLibtorch(quiet, { env }), failed(INSTALL_PIP));
    mirror.python('echo "ERROR: No matching distribution" >&2; exit 1');
    await assert.rejects(downloadLibtorch(quiet, { env }), failed(/ERROR: No matching distribution/));
    mirror.python(`exec >&2
      for left in 4 3; do echo "WARNING: Retrying ($left) after connection broken by 'ProxyError'"; done
      echo "ERROR: No matching distribution"; exit 1`);
    await assert.rejects(
      downloadLibtorch(quiet, { env }),
      failed(/: WARNING: Retrying \(4\) after connection broken by 'ProxyError'; ERROR: No matching distribution\. /),
    );
    mirror.python('while [ "$1" != --dest ]; do shift; done; echo x > "$2/torch.whl"');
    await assert.rejects(downloadLibtorch(quiet, { env }), failed(/torch==2\.11\.0.*\b[0-9a-f]{64}\b/));
    assert.deepEqual(mirror.cached(), []);
  });

  it('is downloaded once by two processes that start together', async () => {
    mirror.at('slow.whl');
    const script = `require('./dist/libtorch/download.js').downloadLibtorch({ say() {}, bytes() {} })`;
    const both = await Promise.all([1, 2].map(() => runNode(['-e', script], { ...env, PATH: process.env.PATH! })));
    assert.deepEqual(
      both.map(({ status }) => status),
      [0, 0],
      both.map(({ stderr }) => stderr).join(),
    );
    assert.equal(mirror.requests, 1);
  });

  it('is downloaded again after a process was killed while it downloaded', async () => {
    writeFiles(mirror.cache, {
      [`${FOLDER}.${DEAD_PID}.part/archives/torch.whl`]: '',
      [`${FOLDER}-cuda.${DEAD_PID}.part/archives/torch.whl`]: '',
      [`${FOLDER}.${process.pid}.part/torch/lib/libmkl.so`]: 'of an earlier process with our id',
      [`${FOLDER}.lock/${DEAD_PID}`]: '',
    });
    const beforeUs = new Date(Date.now() - 1000 * process.uptime() - 60_000);
    utimesSync(path.join(mirror.cache, `${FOLDER}.${process.pid}.part`), beforeUs, beforeUs);
    await downloadLibtorch(quiet, { env });
    assert.deepEqual(mirror.cached(), [FOLDER]);
    assert.deepEqual(readdirSync(path.join(cachedLibtorch(env), 'torch/lib')).sort(), ['libc10.so', 'libtorch_cpu.so']);
  });

  it('is downloaded again where it has lost files', async () => {
    await downloadLibtorch(quiet, { env });
    rmSync(path.join(cachedLibtorch(env), 'torch/lib/libc10.so'));
    await downloadLibtorch(quiet, { env });
    assert.equal(locateLibtorch(env)?.source, 'cache');
    assert.deepEqual(mirror.cached(), [FOLDER]);
  });

  it('is the one that LIBTORCH names before the one in the cache, and only in the pinned version', async () => {
    await downloadLibtorch(quiet, { env });
    const own = path.join(mirror.folder, 'own');
    writeFiles(own, CPU_FILES);
    assert.equal(locateLibtorch({ ...env, LIBTORCH: own })?.source, 'LIBTORCH');
    assert.equal(locateLibtorch({ ...env, LIBTORCH: path.join(own, 'torch') })?.root, own);
    writeFiles(own, { 'torch/version.py': "__version__ = '2.15.0'" });
    assert.throws(() => locateLibtorch({ ...env, LIBTORCH: own }), {
      code: 'ERR_LIBTORCH_MISSING',
      message: /2\.15\.0.*2\.11\.0/,
    });
  });
});
