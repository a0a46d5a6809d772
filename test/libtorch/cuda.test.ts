import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

import { downloadLibtorch } from '../../lib/libtorch/download.js';
import { cachedLibtorch, cudaLibraries, locateLibtorch } from '../../lib/libtorch/locate.js';
import { CPU_SET, CUDA_SET, LIBTORCH_VERSION } from '../../lib/libtorch/pin.js';
import { CPU_FILES, CUDA_FILES, Mirror, writeFiles, failed } from './mirror.js';

const quiet = { say: () => undefined, bytes: () => undefined };

/** Returns the paths of all files below `folder`. */
function filesOf(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(folder, path.join(entry.parentPath, entry.name)))
    .sort();
}

describe('libtorch with CUDA', () => {
  let mirror: Mirror;
  let env: Record<string, string>;

  beforeEach(async () => {
    mirror = await Mirror.start(CUDA_FILES);
    env = mirror.env;
  });
  afterEach(() => mirror.close());

  const downloadCuda = () => downloadLibtorch(quiet, { cuda: true, env });

  it('holds the files for the CPU and for GPUs, and is used for both', async () => {
    await downloadCuda();
    const found = locateLibtorch(env)!;
    const needed = Object.entries(CUDA_FILES).filter(([, text]) => text !== 'not needed');
    assert.deepEqual(filesOf(found.root), needed.map(([name]) => name).sort());
    assert.deepEqual(
      [found.root, found.source, found.version, found.cuda, found.cudaVersion],
      [cachedLibtorch(env, CUDA_SET), 'cache', LIBTORCH_VERSION, true, '13.0'],
    );
    await downloadLibtorch(quiet, { env });
    await downloadCuda();
    assert.equal(mirror.requests, 1);
    assert.deepEqual(mirror.cached(), [CUDA_SET.folder]);
  });

  it('replaces the one without CUDA once it is complete', async () => {
    await downloadLibtorch(quiet, { env });
    const cpu = cachedLibtorch(env, CPU_SET);
    assert.deepEqual([locateLibtorch(env)?.root, locateLibtorch(env)?.cuda], [cpu, false]);
    mirror.at('cut.whl');
    await assert.rejects(downloadCuda(), failed());
    assert.deepEqual(mirror.cached(), [CPU_SET.folder]);
    mirror.at('torch.whl');
    await downloadCuda();
    assert.deepEqual(mirror.cached(), [CUDA_SET.folder]);
  });

  it('is refused where the archive has no CUDA, and the one without CUDA remains', async () => {
    mirror.serve(CPU_FILES);
    await downloadLibtorch(quiet, { env });
    await assert.rejects(downloadCuda(), failed(/lib\/libtorch_cuda\.so/));
    assert.deepEqual(mirror.cached(), [CPU_SET.folder]);
  });

  it('is preferred to the one without CUDA in the cache, but not to LIBTORCH', () => {
    writeFiles(cachedLibtorch(env, CPU_SET), CPU_FILES);
    writeFiles(cachedLibtorch(env, CUDA_SET), CUDA_FILES);
    assert.equal(locateLibtorch(env)?.root, cachedLibtorch(env, CUDA_SET));
    const own = path.join(mirror.folder, 'own');
    writeFiles(own, CPU_FILES);
    const found = locateLibtorch({ ...env, LIBTORCH: own })!;
    // The wheel was built for CUDA, but its libtorch_cuda.so is absent.
    assert.deepEqual([found.source, found.cuda, found.cudaVersion], ['LIBTORCH', false, '13.0']);
  });

  it("is recognized in Python's torch and in libtorch's own zip", async () => {
    const site = path.join(mirror.folder, 'site-packages');
    writeFiles(site, { ...CUDA_FILES, 'torch/version.py': `__version__ = '${LIBTORCH_VERSION}'\ncuda = '12.8'\n` });
    mirror.python(`echo ${site}`);
    const found = locateLibtorch(env)!;
    assert.deepEqual([found.source, found.root, found.cuda, found.cudaVersion], ['python', site, true, '12.8']);
    assert.equal(readFileSync(path.join(mirror.cache, 'python-torch'), 'utf8'), site);

    mirror.serve({
      'libtorch/build-version': `${LIBTORCH_VERSION}+cu126\n`,
      'libtorch/lib/libtorch_cpu.so': 'x',
      'libtorch/lib/libc10.so': 'x',
      'libtorch/lib/libtorch_cuda.so': 'x',
      'libtorch/lib/libcudart-c3a75b33.so.12': 'x',
    });
    await downloadCuda();
    const zip = locateLibtorch(env)!;
    assert.deepEqual([zip.source, zip.cuda, zip.cudaVersion], ['cache', true, '12.6']);
    assert.ok(existsSync(path.join(zip.libDir, 'libcudart-c3a75b33.so.12')));
  });

  it('is opened after the library that NVRTC looks for', () => {
    const root = path.join(mirror.folder, 'own');
    writeFiles(root, CUDA_FILES);
    const libDir = path.join(root, 'torch/lib');
    const cuda = path.join(libDir, 'libtorch_cuda.so');
    assert.deepEqual(cudaLibraries({ root, libDir }), [
      path.join(root, 'nvidia/cu13/lib/libnvrtc-builtins.so.13.0'),
      cuda,
    ]);
    writeFiles(root, { 'nvidia/README': '' });
    assert.equal(cudaLibraries({ root, libDir }).at(-1), cuda);
    assert.deepEqual(cudaLibraries({ root: path.join(root, 'torch'), libDir }), [cuda]);
  });
});
