/** The package as a user has it: packed by npm, with its dependencies alone beside it. */
import assert from 'node:assert/strict';
import { execFile, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';

import { root } from './support/paths.js';

const run = promisify(execFile);

interface Lock {
  packages: Record<string, { dependencies?: Record<string, string> }>;
}

/** The folders of the lock file that `npm install --omit=dev` fills. */
function installedFolders(): string[] {
  const { packages } = JSON.parse(readFileSync(path.join(root, 'package-lock.json'), 'utf8')) as Lock;
  const found = new Set<string>();
  const add = (from: string): void => {
    for (const name of Object.keys(packages[from]?.dependencies ?? {})) {
      let base = from;
      let folder = path.posix.join(base, 'node_modules', name);
      while (packages[folder] === undefined) {
        assert.notEqual(base, '', `${name} is not in package-lock.json`);
        base = base.includes('/node_modules/') ? base.slice(0, base.lastIndexOf('/node_modules/')) : '';
        folder = path.posix.join(base, 'node_modules', name);
      }
      if (found.has(folder)) continue;
      found.add(folder);
      add(folder);
    }
  };
  add('');
  return [...found];
}

describe('the installed package', () => {
  let project: string;
  let home: string;
  const folders = installedFolders();

  before(() => {
    project = mkdtempSync(path.join(tmpdir(), 'emotion2vec-installed-'));
    home = path.join(project, 'node_modules/emotion2vec-node');
    const packed = execFileSync('npm', ['pack', '--ignore-scripts', '--silent', '--pack-destination', project], {
      cwd: root,
      encoding: 'utf8',
    });
    mkdirSync(home, { recursive: true });
    execFileSync('tar', ['-xzf', path.join(project, packed.trim()), '-C', home, '--strip-components=1']);
    // Copies: a link would lead Node back to the checkout, with all that is for developers.
    for (const folder of folders) cpSync(path.join(root, folder), path.join(project, folder), { recursive: true });
    // In the place of a prebuilt binary: the build of the checkout.
    const prebuilds = path.join(home, 'prebuilds/linux-x64');
    mkdirSync(prebuilds, { recursive: true });
    for (const name of ['emotion2vec.node', 'libemotion2vec_torch.so'])
      cpSync(path.join(root, 'build/Release', name), path.join(prebuilds, name));
    const types = path.join(project, 'node_modules/@types');
    mkdirSync(types);
    symlinkSync(path.join(root, 'node_modules/@types/node'), path.join(types, 'node'));
    writeFileSync(path.join(project, 'package.json'), '{}');
  });
  after(() => rmSync(project, { recursive: true }));

  it('brings fewer than 40 packages', () => assert.ok(folders.length < 40, folders.join('\n')));

  it('exports its three modules to CommonJS and to ES modules', async () => {
    const names = ['emotion2vec-node', 'emotion2vec-node/torch', 'emotion2vec-node/fastify'];
    const required = names.map((name) => `typeof require('${name}')`).join();
    const { stdout } = await run(process.execPath, ['-p', `[${required}].join()`], { cwd: project });
    assert.equal(stdout, 'object,object,function\n');
    const imports = `import { EmotionRecognizer } from 'emotion2vec-node'; import { TorchModule } from 'emotion2vec-node/torch';
      import plugin from 'emotion2vec-node/fastify'; console.log([EmotionRecognizer, TorchModule, plugin].map((each) => typeof each).join())`;
    const esm = await run(process.execPath, ['--input-type=module', '-e', imports], { cwd: project });
    assert.equal(esm.stdout, 'function,function,function\n');
  });

  it('has types that need no types but Node’s', async () => {
    const source = `import { EmotionRecognizer, type RecognitionResult } from 'emotion2vec-node';
      import { TorchModule, type AnyTensor } from 'emotion2vec-node/torch';
      export const duration = async (): Promise<number> => (await new EmotionRecognizer().recognize('a.wav')).duration;
      export type Both = [RecognitionResult, AnyTensor, TorchModule];`;
    writeFileSync(path.join(project, 'types.mts'), source);
    const tsc = path.join(root, 'node_modules/typescript/bin/tsc');
    const options = ['--strict', '--noEmit', '--module', 'nodenext', '--target', 'es2022', '--types', 'node'];
    const { stdout } = await run(process.execPath, [tsc, ...options, 'types.mts'], { cwd: project }).catch(
      (error: { stdout: string }) => error,
    );
    assert.equal(stdout, '');
  });

  it('serves the page, the API and its documentation without a second step', async () => {
    const cli = path.join(home, 'bin/emotion2vec.js');
    const output = path.join(project, 'outputs');
    const server = spawn(process.execPath, [cli, 'serve', '--port', '0', '--output', output], { cwd: project });
    try {
      let url: string | undefined;
      for await (const line of createInterface(server.stdout)) {
        url = /http:\/\/127\.0\.0\.1:\d+/.exec(line)?.[0];
        if (url !== undefined) break;
      }
      assert.ok(url, 'it says where it listens');
      for (const [route, type] of [
        ['/', 'text/html'],
        ['/v2/health/live', ''],
        ['/docs', 'text/html'],
        ['/docs/json', 'application/json'],
        ['/metrics', 'text/plain'],
      ] as const) {
        const answer: Response = await fetch(url + route);
        assert.equal(answer.status, 200, route);
        assert.ok(answer.headers.get('content-type')?.startsWith(type) ?? type === '', route);
        await answer.arrayBuffer();
      }
    } finally {
      server.kill('SIGTERM');
      await once(server, 'close');
    }
  });

  it('carries cmake-js for machines that no prebuilt binary fits, and the licenses of what is bundled', async () => {
    const bundled = path.join(home, 'dist/vendor/cmake-js.js');
    const { stdout } = await run(process.execPath, [bundled, '--version'], { cwd: project });
    assert.match(stdout, /^\d+\.\d+\.\d+\n$/);
    const licenses = readFileSync(path.join(home, 'dist/vendor/LICENSES.txt'), 'utf8');
    for (const name of ['cmake-js', 'zod']) assert.match(licenses, new RegExp(`^${name} \\d`, 'm'));
    assert.ok(!existsSync(path.join(project, 'node_modules/fastify')));
  });
});
