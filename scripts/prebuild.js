'use strict';
// Makes prebuilds/<platform>-<arch>/ with prebuildify, which calls node-gyp, which runs scripts/build-addon.js by binding.gyp.
// The addon needs only Node-API's headers, so node-gyp gets a folder with an empty common.gypi instead of a download.
const { spawnSync } = require('node:child_process');
const { mkdirSync, mkdtempSync, rmSync, writeFileSync } = require('node:fs');
const { tmpdir } = require('node:os');
const path = require('node:path');

const root = path.join(__dirname, '..');
const work = mkdtempSync(path.join(tmpdir(), 'emotion2vec-prebuild-'));
try {
  mkdirSync(path.join(work, 'include', 'node'), { recursive: true });
  for (const file of ['common.gypi', 'config.gypi']) writeFileSync(path.join(work, 'include', 'node', file), '{}\n');
  const args = ['--napi', '--strip', `--target=${process.versions.node}`, `--cache=${path.join(work, 'cache')}`];
  const { status } = spawnSync(process.execPath, [require.resolve('prebuildify/bin.js'), ...args], {
    cwd: root,
    stdio: 'inherit',
    env: { ...process.env, npm_config_nodedir: work },
  });
  process.exitCode = status ?? 1;
} finally {
  rmSync(work, { recursive: true, force: true });
}
