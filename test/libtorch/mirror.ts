import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { EmotionError } from '../../lib/shared/errors.js';
import { LIBTORCH_VERSION } from '../../lib/libtorch/pin.js';

/** A process ID that is above Linux's maximum, so that no process has it. */
export const DEAD_PID = 2 ** 22 + 1;

export const VERSION_PY = `__version__ = '${LIBTORCH_VERSION}+cu130'\ndebug = False\ncuda: Optional[str] = '13.0'\n`;

/** Checks that an error is ERR_LIBTORCH_DOWNLOAD, and that its message contains what the user needs. */
export const failed =
  (message = /./) =>
  (error: unknown) => {
    assert.ok(error instanceof EmotionError && error.code === 'ERR_LIBTORCH_DOWNLOAD', String(error));
    assert.match(error.message, message);
    return true;
  };

/** The files of a small wheel. */
export const CPU_FILES = {
  'torch/version.py': VERSION_PY,
  'torch/lib/libtorch_cpu.so': 'x'.repeat(100_000),
  'torch/lib/libc10.so': 'x',
  'torch/include/torch/script.h': '',
};
export const CUDA_FILES = {
  ...CPU_FILES,
  'torch/lib/libtorch_cuda.so': 'x',
  'torch/lib/libtorch_python.so': 'not needed',
  'nvidia/cu13/lib/libcublas.so.13': 'x',
  'nvidia/cu13/lib/libnvrtc-builtins.so.13.0': 'x',
  'nvidia/cu13/lib/libnvrtc-builtins.alt.so.13.0': 'not needed',
  'nvidia/cu13/include/cublas.h': 'not needed',
  'nvidia/nvshmem/lib/nvshmem_transport_ibrc.so.3': 'not needed',
  'nvidia/cusparselt/LICENSE.txt': 'x',
};

export function writeFiles(folder: string, files: Record<string, string>): void {
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(path.dirname(path.join(folder, name)), { recursive: true });
    writeFileSync(path.join(folder, name), text);
  }
}

/** A server with one archive, and the environment of a process that downloads it into a separate cache. */
export class Mirror {
  readonly folder = mkdtempSync(path.join(tmpdir(), 'emotion2vec-'));
  readonly cache = path.join(this.folder, 'cache');
  readonly env: Record<string, string> = { EMOTION2VEC_CACHE: this.cache, LIBTORCH: '', PATH: '' };
  requests = 0;
  readonly #server: Server;
  #archive = Buffer.alloc(0);

  private constructor() {
    this.#server = createServer((request, response) => {
      this.requests++;
      if (request.url === '/missing.whl') return response.writeHead(404).end();
      response.writeHead(200, { 'content-length': this.#archive.length });
      response.write(this.#archive.subarray(0, 100), () => {
        if (request.url === '/cut.whl') response.destroy();
      });
      if (request.url === '/cut.whl') return;
      setTimeout(() => response.end(this.#archive.subarray(100)), request.url === '/slow.whl' ? 500 : 0);
    });
  }

  static async start(files: Record<string, string>): Promise<Mirror> {
    const mirror = new Mirror();
    await new Promise<void>((resolve) => mirror.#server.listen(0, '127.0.0.1', resolve));
    mirror.serve(files);
    mirror.at('torch.whl');
    return mirror;
  }

  /** Serves an archive with these files. Python's zipfile writes it, as it does for wheels. */
  serve(files: Record<string, string>): void {
    const script =
      'import json,sys,zipfile\nz=zipfile.ZipFile(sys.argv[1],"w",zipfile.ZIP_DEFLATED)\n[z.writestr(*f) for f in json.loads(sys.argv[2]).items()]\nz.close()';
    const file = path.join(this.folder, 'made.zip');
    execFileSync('python3', ['-c', script, file, JSON.stringify(files)]);
    this.#archive = readFileSync(file);
    this.env.EMOTION2VEC_LIBTORCH_SHA256 = createHash('sha256').update(this.#archive).digest('hex');
  }

  at(name: string): void {
    this.env.EMOTION2VEC_LIBTORCH_URL = `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/${name}`;
  }

  /** Makes this shell script the first `python3` in PATH. */
  python(script: string): void {
    const bin = path.join(this.folder, 'bin');
    writeFiles(bin, { python3: `#!/bin/sh\n${script}\n` });
    chmodSync(path.join(bin, 'python3'), 0o755);
    this.env.PATH = `${bin}:${process.env.PATH!}`;
  }

  cached(): string[] {
    return readdirSync(this.cache).sort();
  }

  stop(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  close(): void {
    this.stop();
    rmSync(this.folder, { recursive: true });
  }
}
